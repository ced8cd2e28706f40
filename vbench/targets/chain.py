"""Join a target's hops into one open pipe."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from vbench.errors import TargetError
from vbench.ledger import Ledger
from vbench.targets import handover, pyz
from vbench.targets.catalogue import Target
from vbench.targets.hop import Entry, Hop
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings
from vbench.targets.spawn import spawn

OUTER_EXTRA = 384 * 2**20  # bytes that a guest has beyond what the guest in it is given


@dataclass(frozen=True)
class Instance:
    """One boot or creation of a target. `seconds` runs from the exec of the first hop to the last agent's hello."""

    target: str
    ident: str
    pipe: Pipe
    place: Place
    entries: tuple[Entry, ...]
    seconds: float
    stack: ExitStack  # what more an operation makes goes with the instance
    ledger: Ledger
    restored: bool = False  # from a memory snapshot: no cold boot, and no figure for start-up
    vcpus: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # the outermost guest's, and the CPUs of each

    @property
    def accelerator(self) -> str | None:
        """The accelerators of the guests on the way, outermost first, such as `tcg/kvm`; None without a guest."""
        return "/".join(self.place.accelerators) or None

    def freeze(self) -> None:
        """Stop an idle target, so that it takes nothing from the one that is measured."""
        self.entries[0].freeze()

    def thaw(self) -> None:
        """Let a frozen target go on."""
        self.entries[0].thaw()


@contextmanager
def open_target(target: Target, place: Place, settings: Settings, ledger: Ledger) -> Iterator[Instance]:
    """Enter a target hop by hop from `place`; it is gone with the context, whatever happened in it."""
    with ExitStack() as stack:
        pipe, inside, entries = enter(target, place, settings, stack, ledger)
        seconds = time.monotonic() - pipe.started
        vcpus = entries[0].pin(pipe.process.pid)
        entries[-1].settle(inside)
        yield Instance(target.name, new_ident(target), pipe, inside, entries, seconds, stack, ledger, vcpus=vcpus)


def enter(
    target: Target, place: Place, settings: Settings, stack: ExitStack, ledger: Ledger
) -> tuple[Pipe, Place, tuple[Entry, ...]]:
    """Take every hop of a target; return the pipe to the last agent, the place it is in, and the hops' entries."""
    pipe: Pipe | None = None
    entries: list[Entry] = []
    for number, hop in enumerate(target.hops):
        place, entry = prepare(target, number, place, settings, entries, stack)
        pipe = step(target, entry, pipe, stack, ledger, hop)
        place = entry.inside(pipe)
        entries.append(entry)
    if pipe is None:
        raise ValueError("a target has at least one hop")
    return pipe, place, tuple(entries)


def prepare(
    target: Target, number: int, place: Place, settings: Settings, entries: Sequence[Entry], stack: ExitStack
) -> tuple[Place, Entry]:
    """Make a hop of a target ready behind `entries`; return the place that it is entered from, and how it is."""
    hop = target.hops[number]
    if entries and not (hop.takes_devices and target.hops[number - 1].takes_devices):
        entries[-1].settle(place)
    if entries and not hop.takes_devices:
        place = with_agent(place) if place.agent == pyz.AGENT else place
    if not hop.takes_devices and any(inner.takes_devices for inner in target.hops[number + 1 :]):
        place = handover.prepared(place)
    return place, hop.enter(place, share(settings, len(target.hops) - number - 1), stack)


def with_agent(place: Place) -> Place:
    """Return the inside of a target with an agent that can be mounted, and mounted on.

    A guest's own is a file of its initramfs, which is deleted, and the kernel takes no such file for either.
    """
    path = place.path("agent.pyz")
    place.put(path, pyz.pack())
    place.shell('if umount "$2" 2>/dev/null; then mount --bind "$1" "$2"; fi', path, pyz.AGENT)
    return replace(place, agent=path)


def new_ident(target: Target) -> str:
    """Return a name for one more instance of a target."""
    return f"{target.name}-{os.urandom(4).hex()}"


def share(settings: Settings, inner: int) -> Settings:
    """Return the settings of a hop with `inner` hops inside: a guest has more memory than the guest in it."""
    return replace(settings, memory=settings.memory + inner * OUTER_EXTRA)


def step(target: Target, entry: Entry, pipe: Pipe | None, stack: ExitStack, ledger: Ledger, hop: Hop) -> Pipe:
    """Take one hop: start its argv on the host, or chain it in the place of the agent before it."""
    try:
        if pipe is None:
            pipe = stack.enter_context(spawn(entry.argv, target.name, ledger, entry.patience))
            pipe.feed(entry.first, entry.hello_seconds)
            pipe.hello(entry.hello_seconds)
        else:
            pipe.chain(entry.argv, entry.hello_seconds)
    except TargetError as failed:
        error = entry.explain(failed)
        raise TargetError(f"{error.message[:-1]} (hop '{hop.name}').", error.remedy, console=error.console) from None
    return pipe
