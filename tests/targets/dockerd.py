"""A docker daemon of the tests' own: its folders, its socket and its mounts are private and go with it."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.agent.process import soon

FLAGS = (
    "--iptables=false",
    "--bridge=none",
    "--ip-forward=false",
    "--ip-masq=false",
    "--storage-driver=overlay2",
    "--exec-opt=native.cgroupdriver=cgroupfs",
)


@dataclass
class Dockerd:
    """A daemon in a folder; it dies with the process of the tests."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/socket"

    def start(self) -> None:
        """Start the daemon in a mount namespace of its own and wait until it answers."""
        # A containerd that was killed with its daemon may be a zombie of an init that reaps nobody: it counts as alive.
        Path(self.folder, "exec/containerd/containerd.pid").unlink(missing_ok=True)
        own = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/pid"]
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation=private", "--"]
        argv += ["dockerd", *own, f"--host={self.host}", *FLAGS]
        with Path(self.folder, "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        assert soon(self.answers), Path(self.folder, "log").read_text()[-2000:]

    def answers(self) -> bool:
        argv = ["docker", "--host", self.host, "version"]
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0

    def docker(self, *words: str) -> str:
        """What the client says."""
        argv = ["docker", "--host", self.host, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the daemon; by SIGTERM it stops its containers first."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None


@contextmanager
def dockerd() -> Iterator[Dockerd]:
    """A daemon in a new folder on a real disk, since overlays cannot be stacked."""
    folder = Path(tempfile.mkdtemp(prefix="vbtest-docker-", dir="/var/tmp"))
    daemon = Dockerd(folder)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()
        shutil.rmtree(folder)
