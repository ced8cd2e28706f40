"""The host's processes behind an instance: who they are, what memory they hold, and when they are all gone."""

import os
import select
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import psutil

from vbench.errors import TargetError
from vbench.run.cost_behind import processes_of
from vbench.targets.chain import Instance
from vbench.targets.pipe import Pipe


@dataclass(frozen=True)
class Seen:
    """A process and its bytes, None where they may not be seen.

    `pss` is its own memory and its share of what it has in common with others (proc(5), smaps_rollup), so that the sum
    over processes counts every page once; `read` is what was fetched from a disk for it.
    """

    name: str
    pss: int | None
    read: int | None


def behind(pipe: Pipe) -> list[psutil.Process]:
    """Return the processes behind a pipe, with those that detached themselves and started some of them.

    An engine's conmon is nobody's child and has let go of the pipe, but the container is its child, and it is younger
    than the first hop; what is older served others before: the engine's daemon, the session, we ourselves.
    """
    if pipe.process.poll() is not None:
        raise TargetError(f"The target '{pipe.name}' died: its first process is gone.", console=pipe.console.last())
    first = psutil.Process(pipe.process.pid)
    found: dict[int, psutil.Process] = {}
    for pid in processes_of(pipe):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            above = [one for one in process.parents() if one.create_time() >= first.create_time()]
            found |= {one.pid: one for one in (process, *above)}
    return [found[pid] for pid in sorted(found)]


def seen(processes: Iterable[psutil.Process]) -> list[Seen]:
    """Return what may be seen of each process that is still there."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            pss, read = (_allowed(partial(look, process)) for look in (_pss, _read))
            found.append(Seen(process.name(), pss, read))
    return found


def _pss(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)


def _read(process: psutil.Process) -> int:
    return int(process.io_counters().read_bytes)


def _allowed(look: Callable[[], int]) -> int | None:
    try:
        return look()
    except psutil.AccessDenied:
        return None


def total(sizes: Iterable[int | None]) -> int | None:
    """Return the sum of sizes; None where one of them is not known."""
    found = list(sizes)
    known = [size for size in found if size is not None]
    return sum(known) if len(known) == len(found) else None


def end(instance: Instance, seconds: float) -> float:
    """Tell an instance to end, and return the seconds until the last process behind it is gone; TargetError if late."""
    with _watched(behind(instance.pipe)) as handles:
        started = time.monotonic()
        instance.pipe.bye()
        for handle in handles:
            left = started + seconds - time.monotonic()
            if not select.select([handle], [], [], max(0, left))[0]:
                raise TargetError(
                    f"The target '{instance.target}' was not gone {seconds:.0f} s after it was told to end."
                )
        return time.monotonic() - started


@contextmanager
def _watched(processes: Iterable[psutil.Process]) -> Iterator[list[int]]:
    """Give a descriptor for each process, which can be read from once it is gone (pidfd_open(2))."""
    with ExitStack() as stack:
        handles = []
        for process in processes:
            with suppress(ProcessLookupError):
                handle = os.pidfd_open(process.pid)
                stack.callback(os.close, handle)
                handles.append(handle)
        yield handles
