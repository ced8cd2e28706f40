"""A real sshd in a network namespace of the test's own, on keys and a configuration of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.agent.process import soon
from vbench.targets.remote.reach import BASE

SSHD = "/usr/sbin/sshd"
PORT = 2222
MARK = "vbench-there-"
CONFIG = """\
ListenAddress 0.0.0.0:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv XDG_CACHE_HOME={folder}/cache {podman}
"""
# podman as a login finds it: without systemd, and on a storage of the test's own.
CONTAINERS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/containers"
runroot = "{folder}/run"
"""
# Connects inside the namespace and hands the socket to ssh.
SEND = 'c = s.create_connection(("%h", %p)); s.send_fds(s.socket(fileno=1), [b"-"], [c.fileno()])'
DIAL = f"nsenter --net=/run/netns/{{netns}} python3 -c 'import socket as s; {SEND}'"
CLIENT = """\
Host box box-two 192.168.*
  Port {port}
  User root
  IdentityFile {folder}/client_key
Host box
  HostName 127.0.0.1
Host silent
  HostName 192.0.2.1
Host *
  IdentitiesOnly yes
  IdentityAgent none
  GlobalKnownHostsFile none
  UserKnownHostsFile {folder}/known_hosts
  ProxyUseFdpass yes
  ProxyCommand {dial}
"""


@dataclass(frozen=True)
class Server:
    """A running sshd; `folder` holds its keys, the client's configuration and the cache that logins see."""

    folder: Path
    netns: str
    process: subprocess.Popen[bytes]

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def to(self, path: str = "", host: str = "box") -> str:
        """The name of a target behind this server."""
        return f"ssh:{host}{path}:config={self.config}"

    def images(self) -> Path:
        return self.folder / "cache" / "vbench" / "images"

    def podman(self, *words: str) -> str:
        """What the podman of logins says."""
        argv = ["env", *podman_of(self.folder), "podman", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def sessions(self) -> list[int]:
        """The processes of logins: everything below the listening one."""
        return _below(self.process.pid)

    def know(self, *hosts: str) -> None:
        """Make the server's key known under these names."""
        key = (self.folder / "host_key.pub").read_text()
        self.known_hosts.write_text("".join(f"[{host}]:{PORT} {key}" for host in hosts))

    def nothing_is_left(self) -> bool:
        groups = [*Path("/sys/fs/cgroup").glob(f"{MARK}*"), *Path("/sys/fs/cgroup").glob(f"*/{MARK}*")]
        return not self.sessions() and not [*Path(BASE).glob(f"{MARK}*"), *groups]


@contextmanager
def sshd(folder: Path) -> Iterator[Server]:
    """Run sshd in a new namespace; it is gone with the context, and so is whatever a login left."""
    netns = f"vbtest-{os.getpid()}-ssh"
    for name in ("host_key", "client_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "sshd_config").write_text(CONFIG.format(folder=folder, port=PORT, podman=" ".join(podman_of(folder))))
    (folder / "containers.conf").write_text(CONTAINERS)
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    dial = DIAL.format(netns=netns)
    (folder / "ssh_config").write_text(CLIENT.format(folder=folder, port=PORT, dial=dial))
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd drops its privileges; its package makes it at boot
    run("ip", "netns", "add", netns)
    try:
        run("ip", "-n", netns, "link", "set", "lo", "up")
        inside = ["nsenter", f"--net=/run/netns/{netns}"]
        argv = [*inside, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        with (folder / "log").open("wb") as log, subprocess.Popen(argv, stderr=log) as process:
            server = Server(folder, netns, process)
            server.know("127.0.0.1")
            try:
                probe = [*inside, "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{PORT}"]
                assert soon(lambda: subprocess.run(probe, check=False, capture_output=True).returncode == 0)
                yield server
            finally:
                for pid in (*server.sessions(), process.pid):
                    subprocess.run(["kill", "-KILL", str(pid)], check=False, capture_output=True)
    finally:
        run("ip", "netns", "del", netns)
        overlay = folder / "containers" / "overlay"
        if overlay.is_mount():  # podman leaves it to the next boot
            run("umount", str(overlay))


def podman_of(folder: Path) -> list[str]:
    """What leads a podman to the storage of the test."""
    return [f"CONTAINERS_CONF={folder}/containers.conf", f"CONTAINERS_STORAGE_CONF={folder}/storage.conf"]


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def _below(pid: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [one for child in children for one in (child, *_below(child))]
