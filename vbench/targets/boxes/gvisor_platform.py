"""Which of gVisor's platforms, its ways to catch system calls, start here: proven by a start, as for an accelerator."""

import shutil
from pathlib import Path

from vbench import paths
from vbench.errors import HostError
from vbench.ledger import Ledger, boot_id
from vbench.targets.spawn import run

PLATFORMS = ("systrap", "ptrace", "kvm")
BY_ITSELF = PLATFORMS[:2]  # the order of gVisor's own defaults; KVM is for whoever asks for it
PATIENCE = 10  # seconds; a platform that hangs is one that does not work


def works(platform: str) -> bool:
    """Return whether a program starts on a platform; what did once needs no second try until the host's next boot."""
    proof = paths.cache() / f"runsc-{platform}-{boot_id()}-{Path(shutil.which('runsc') or '').stat().st_mtime_ns}"
    if proof.exists():
        return True
    words = ["runsc", "--ignore-cgroups", "--network=none", f"--platform={platform}", "do", "true"]
    with Ledger() as ledger, ledger.folder_for("runsc") as folder:
        try:
            run(["timeout", "--signal=KILL", str(PATIENCE), "env", f"TMPDIR={folder}", *words])
        except HostError:
            return False
    proof.parent.mkdir(parents=True, exist_ok=True)
    proof.touch()
    return True
