"""KVM's own counters of a guest: why it left for the host, by reason, from debugfs.

Each guest has a folder PID-FD in /sys/kernel/debug/kvm, with a file that holds one number for each counter (the
kernel's Documentation/virt/kvm, virt/kvm/kvm_main.c: kvm_create_vm_debugfs).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
COUNTERS = 128  # of a guest, at most; Linux 6.18 has about 70


def files_of(pids: Sequence[int], accelerator: str | None, debugfs: Path = DEBUGFS) -> tuple[list[str], str]:
    """Return the files that count the exits of the guest that one of the processes runs, else none and why not.

    `accelerator` is that of the outermost guest, None for a target that is no guest.
    """
    if accelerator is None:
        return [], "the target is no guest"
    if accelerator != "kvm":
        return [], f"the guest runs under {accelerator}, not under KVM"
    try:
        if not any(debugfs.iterdir()):
            return [], f"debugfs is not mounted; `mount -t debugfs none {debugfs}` does it"
        folders = _folders(pids, debugfs / "kvm")
    except OSError as error:
        return [], f"debugfs cannot be read: {error.strerror}; run as root"
    files = sorted(str(file) for folder in folders for file in folder.iterdir() if file.is_file())
    return files[:COUNTERS], "" if files else "KVM shows no counters of this guest in debugfs"


def _folders(pids: Iterable[int], kvm: Path) -> list[Path]:
    behind = {str(pid) for pid in pids}
    return [folder for folder in kvm.iterdir() if folder.name.partition("-")[0] in behind]
