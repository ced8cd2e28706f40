"""KVM's own counters of a guest: why it left for the host, by reason, from debugfs.

Each guest has a folder PID-FD in /sys/kernel/debug/kvm, with a file that holds one number for each counter (the
kernel's Documentation/virt/kvm, virt/kvm/kvm_main.c: kvm_create_vm_debugfs).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
TOTAL = "exits"
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
        files = _files(pids, debugfs / "kvm")
        for file in files:
            if file.name == TOTAL:
                file.read_bytes()  # a locked-down kernel lists what it lets nobody open
    except OSError as error:
        return [], f"debugfs cannot be read: {error.strerror}; it takes root and a kernel that is not locked down"
    return list(map(str, files)), "" if files else "KVM shows no counters of this guest in debugfs"


def _files(pids: Iterable[int], kvm: Path) -> list[Path]:
    behind = {str(pid) for pid in pids}
    folders = [folder for folder in kvm.iterdir() if folder.name.partition("-")[0] in behind]
    return sorted(file for folder in folders for file in folder.iterdir() if file.is_file())[:COUNTERS]
