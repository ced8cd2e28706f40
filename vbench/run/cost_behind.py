"""The host's processes behind a target: what its pipe leads to, the control groups that count them, and their threads.

A container engine forks, detaches and moves what it starts, so a process tree from our own child does not tell. Who
holds an end of the target's pipe does, wherever it went: the agent, the VMM; and its parent: conmon.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from vbench.ledger import MARK, start_time
from vbench.targets.account import STAT, USAGE, group_of
from vbench.targets.pipe import Pipe

PROCESSES = 256  # behind one target, of which the threads are looked at


def counters_of(pipe: Pipe) -> tuple[str, ...]:
    """Return the files that together count the CPU time of everything behind a pipe; none where no group does.

    A group that we are in ourselves counts more than the target, and one below another would count twice.
    """
    own = group_of(os.getpid())
    found = sorted({group for pid in _holders(pipe) if (group := group_of(pid))})
    if own is None or any(own.is_relative_to(group) for group in found):
        return ()
    outermost = [group for group in found if not any(group != one and group.is_relative_to(one) for one in found)]
    return tuple(str(next(group / name for name in (USAGE, STAT) if (group / name).exists())) for group in outermost)


def processes_of(pipe: Pipe) -> list[int]:
    """Return the PIDs of everything that holds the pipe and of what descends from it."""
    found: dict[int, None] = {}
    todo = list(_holders(pipe))
    while todo and len(found) < PROCESSES:
        pid = todo.pop()
        if pid not in found:
            found[pid] = None
            todo += _children(pid)
    return sorted(found)


def threads_of(pids: Iterable[int]) -> Iterator[Path]:
    """Yield the folders in /proc of all threads of these processes."""
    for pid in pids:
        with suppress(OSError):
            yield from sorted(Path(f"/proc/{pid}/task").iterdir())


def _holders(pipe: Pipe) -> tuple[int, ...]:
    """Return the first process, every other that holds a far end of the open pipe or serves it, and their parents."""
    process = pipe.process
    near = [os.fstat(stream.fileno()).st_ino for stream in (process.stdin, process.stdout) if stream]
    return _search((process.pid, *pipe.beyond()), frozenset(f"pipe:[{number}]" for number in near))


@lru_cache(maxsize=128)  # by the numbers of the pipe, which no other has while it is open
def _search(known: tuple[int, ...], ends: frozenset[str]) -> tuple[int, ...]:
    ours = {*_ancestors(os.getpid())}
    others = {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()} - ours
    holders = {*known, *_grouped(known[0]), *(pid for pid in others if _holds(pid, ends))}
    parents = {parent for pid in holders for parent in [*_ancestors(pid)][1:2]} - ours
    born = start_time(known[0]) or 0
    younger = {pid for pid in parents if (start_time(pid) or 0) >= born}  # an older one serves others too: a session
    return tuple(sorted(holders | younger))


def _grouped(first: int) -> list[int]:
    """Return what is in the control group that was made for a first process: helpers that let go of the pipe."""
    group = group_of(first)
    if group is None or not group.name.startswith(MARK):
        return []
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]


def _holds(pid: int, ends: frozenset[str]) -> bool:
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        return any(os.readlink(entry.path) in ends for entry in entries)  # noqa: PTH115 - thousands
    return False


def _ancestors(pid: int) -> Iterator[int]:
    """Yield a process, its parent and so on, up to the first of its namespace."""
    while pid:
        yield pid
        stat = ""
        with suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1]) if stat else 0


def _children(pid: int) -> Iterator[int]:
    for thread in threads_of([pid]):
        with suppress(OSError):
            yield from map(int, (thread / "children").read_text().split())
