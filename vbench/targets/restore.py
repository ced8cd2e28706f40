"""Guests from a memory snapshot: booted once, saved right after the hello, restored in a fraction of a second.

The memory is a file in /dev/shm that the seed writes (shared) and its instances map privately, so one file serves many.
A restored guest has a warm page cache, the seed's entropy and an old uptime: fit for steady-state jobs where the run
says so, never for start-up figures, and no fresh boot for the statistics (MEASUREMENT.md).
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vbench.errors import TargetError
from vbench.ledger import Ledger
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance, enter, new_ident, share
from vbench.targets.hop import Entry
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Ram, Settings, behind
from vbench.targets.spawn import spawn

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it, with a random name


@dataclass(frozen=True)
class Seed:
    """A saved guest: its files, and the place that the last agent in it lives in."""

    target: Target
    ram: Ram
    inside: Place
    entries: tuple[Entry, ...]


def restorable(target: Target) -> bool:
    """Return whether a target is a guest at its outermost hop, so that all of it is in one memory."""
    return target.hops[0].name == "qemu"


@contextmanager
def plant(target: Target, place: Place, settings: Settings, ledger: Ledger) -> Iterator[Seed]:
    """Boot a target once and save it; its files are gone with the context."""
    with ledger.folder_for("seed", MEMORY) as folder:
        ram = Ram(str(folder / "memory"), str(folder / "state"))
        with ExitStack() as stack:
            saved = replace(settings, restored=True)
            pipe, inside, entries = enter(target, replace(place, ram=ram), saved, stack, ledger)
            if entries[0].save is None:
                raise ValueError("only a guest can be saved")
            with last_words(pipe):
                entries[0].save()
        yield Seed(target, replace(ram, restore=True), inside, entries)


@contextmanager
def open_restored(seed: Seed, place: Place, settings: Settings, ledger: Ledger) -> Iterator[Instance]:
    """Restore an instance of a seed in `place`, which must have the seed's address."""
    target = seed.target
    with ExitStack() as stack:
        outer = target.hops[0].enter(replace(place, ram=seed.ram), share(settings, len(target.hops) - 1), stack)
        pipe = stack.enter_context(spawn(outer.argv, target.name, ledger, outer.patience))
        if outer.load is None:
            raise ValueError("only a guest can be restored")
        with last_words(pipe):
            outer.load()
            pipe.greet(outer.hello_seconds)
        seconds = time.monotonic() - pipe.started
        vcpus = outer.pin(pipe.process.pid)
        inside = behind(seed.inside, pipe)
        seed.entries[-1].settle(inside)
        entries = (outer, *seed.entries[1:])
        yield Instance(target.name, new_ident(target), pipe, inside, entries, seconds, stack, ledger, True, vcpus)


@contextmanager
def last_words(pipe: Pipe) -> Iterator[None]:
    """Add what a guest said last to the failure of an operation on it."""
    try:
        yield
    except TargetError as error:
        raise TargetError(error.message, error.remedy, console=error.console or pipe.console.last()) from None
