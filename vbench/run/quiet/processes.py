"""The processes that this one can see: names, CPU time, and which are guests or containers of somebody else."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

# What virtual machine monitors call themselves in /proc/PID/comm, which the kernel cuts at 15 characters.
MONITORS = re.compile(
    r"qemu-(system-.*|kvm)|kvm|firecracker|cloud-hyperviso|crosvm|lkvm|stratovirt|VBoxHeadless|VirtualBoxVM|vmware-vmx"
)
VCPU = "anon_inode:kvm-vcpu"  # what a descriptor of a running guest's CPU points at, whatever its monitor is called
PARENT, USER_TICKS, SYSTEM_TICKS, START = 1, 11, 12, 19  # fields of /proc/PID/stat behind the name, from 0 (proc(5))


@dataclass(frozen=True)
class Process:
    """A process: CPU seconds so far, start in ticks since boot, and whether it is this one, above or below it."""

    pid: int
    parent: int
    name: str
    seconds: float
    started: int
    ours: bool = False


@dataclass(frozen=True)
class Neighbour:
    """A guest, or the first process of a container, that runs beside us."""

    kind: Literal["guest", "container"]
    name: str
    pid: int


def processes(root: Path) -> dict[int, Process]:
    """Return the processes of the tree at `root` by their number, none where /proc does not show them."""
    found: dict[int, Process] = {}
    try:
        names = os.listdir(root / "proc")  # noqa: PTH208 - a thousand names, and no need of a thousand paths
    except OSError:
        return found
    for name in names:
        if name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                found[int(name)] = _process(int(name), (root / "proc" / name / "stat").read_text(errors="replace"))
    return _marked(found)


def _process(pid: int, stat: str) -> Process:
    head, _, tail = stat.rpartition(")")
    fields = tail.split()
    ticks = int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])
    seconds = ticks / os.sysconf("SC_CLK_TCK")
    return Process(pid, int(fields[PARENT]), head.partition("(")[2], seconds, int(fields[START]))


def _marked(found: Mapping[int, Process]) -> dict[int, Process]:
    """Mark this process, those that started it and those that it started."""
    above = _lineage(os.getpid(), found)
    return {
        pid: Process(p.pid, p.parent, p.name, p.seconds, p.started, pid in above or os.getpid() in _lineage(pid, found))
        for pid, p in found.items()
    }


def _lineage(pid: int, found: Mapping[int, Process]) -> set[int]:
    """Return a process and its ancestors; a tree that was read while it changed may hold a ring."""
    line: set[int] = set()
    while pid in found and pid not in line:
        line.add(pid)
        pid = found[pid].parent
    return line


def neighbours(root: Path, seen: Mapping[int, Process]) -> list[Neighbour]:
    """Return the guests and containers among the processes that are not ours.

    A guest is known by its monitor's name or, where we may look, by a descriptor of a vCPU; a container by a first
    process in a PID namespace below ours.
    """
    found: list[Neighbour] = []
    for process in sorted(seen.values(), key=lambda one: one.pid):
        folder = root / "proc" / str(process.pid)
        if process.ours:
            continue
        if MONITORS.fullmatch(process.name) or _has_vcpu(folder / "fd"):
            found.append(Neighbour("guest", process.name, process.pid))
        elif _first_of_container(folder / "status"):
            found.append(Neighbour("container", process.name, process.pid))
    return found


def guarded(root: Path, seen: Mapping[int, Process]) -> bool:
    """Return whether descriptors of some process are kept from this user: a monitor may go by any name."""
    folders = (root / "proc" / str(process.pid) / "fd" for process in seen.values() if not process.ours)
    return any(os.access(folder, os.F_OK) and not os.access(folder, os.R_OK) for folder in folders)


def _has_vcpu(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(_target(entry.path).startswith(VCPU) for entry in entries)
    return False


def _target(link: str) -> str:
    with suppress(OSError):
        return os.readlink(link)  # noqa: PTH115 - not a path but a word
    return ""


def _first_of_container(status: Path) -> bool:
    with suppress(OSError):
        for line in status.read_text(errors="replace").splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return len(numbers) > 1 and numbers[-1] == "1"
    return False
