"""Which fact matters to which workload: the one place that says what may explain a cost, and what voids it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vbench.model import BARE, Difference, Fact, Value

NOT_KNOWN = frozenset({"unknown", "not-permitted"})
FLAGS = "cpu.flags"
DISK_PATH = "disk.path"  # these two are no probe's facts: the hop that made the way knows it
NETWORK_PATH = "network.path"
# Of guests alone, so that bare has none of these: whether any hypervisor on the way is emulated, and the devices.
EMULATED_GUEST, GUEST_DISK, GUEST_CARD = "guest.emulated", "guest.disk", "guest.card"
FREE_EXITS = "under emulation an exit is nearly free, so that the devices' cost says nothing"
MACHINE = "machine.name"  # nor is this: where a target is, as the way to it names it
IMAGE = "image.digest"  # nor this: other binaries do other work


@dataclass(frozen=True)
class Matter:
    """A fact (its key as a glob) and the workloads (globs) whose cost it may explain; `voids` forbids a ratio.

    With `where`, a key and its value, it does so only where that is so on one of the sides; `because` says why.
    """

    fact: str
    workloads: tuple[str, ...]
    voids: bool = False
    where: tuple[str, Value] | None = None
    because: str = ""


EVERY = ("*",)
KERNEL_WORK = ("memory.*", "disk.*", "network.*", "system.*", "app.*", "lifecycle.*")
MATTERS = (
    Matter(MACHINE, EVERY, voids=True),
    Matter("kernel.arch", EVERY, voids=True),
    Matter("cpu.usable", EVERY, voids=True),
    Matter(IMAGE, EVERY),
    Matter("cpu.model", EVERY),
    Matter(FLAGS, ("cpu.*", "memory.*", "app.*")),
    Matter("kernel.clocksource", EVERY),
    Matter("kernel.release", KERNEL_WORK),
    Matter("kernel.preemption", KERNEL_WORK),
    Matter("cpu.mitigations", KERNEL_WORK),
    Matter("cpu.vulnerability.*", ("disk.*", "network.*", "system.*", "app.*")),
    Matter("cpu.idle_driver", ("network.*", "system.*")),
    Matter("memory.thp", ("cpu.*", "memory.*", "app.*")),
    Matter("memory.huge_page_size", ("memory.*",)),
    Matter("memory.numa_nodes", ("memory.*",)),
    Matter("memory.numa_balancing", ("memory.*",)),
    Matter("memory.ksm", ("memory.*", "lifecycle.*")),
    Matter("kernel.io_uring", ("disk.*",)),
    Matter(DISK_PATH, ("disk.*",)),
    Matter("disk.filesystem", ("disk.*",)),
    Matter("disk.scheduler", ("disk.*",)),
    Matter(NETWORK_PATH, ("network.*",)),
    Matter("isolation.*", ("system.*",)),
    Matter(GUEST_DISK, ("disk.*", "app.*"), voids=True, where=(EMULATED_GUEST, "yes"), because=FREE_EXITS),
    Matter(GUEST_CARD, ("network.*", "app.*"), voids=True, where=(EMULATED_GUEST, "yes"), because=FREE_EXITS),
)


def differences(bare: Iterable[Fact], target: Iterable[Fact], workload: str) -> tuple[Difference, ...]:
    """Return the facts that are known on both sides, differ, and matter to a workload, in the order of MATTERS."""
    return tuple(difference for _, difference in _differing(bare, target, workload))


def voids(
    bare: Iterable[Fact], target: Iterable[Fact], workload: str, name: str = BARE, where: str = "here"
) -> tuple[str, ...]:
    """Return why a workload's cost on the target means nothing beside that on `name`; empty where it does."""
    base, new = list(bare), list(target)
    told = {(fact.key, fact.value) for fact in (*base, *new)}
    return tuple(
        f"{one.fact} is {one.bare} on {name} and {one.target} {where}{matter.because and f': {matter.because}'}"
        for matter, one in _differing(base, new, workload)
        if matter.voids and (matter.where is None or matter.where in told)
    )


def _differing(bare: Iterable[Fact], target: Iterable[Fact], workload: str) -> Iterator[tuple[Matter, Difference]]:
    here, there = _known(bare), _known(target)
    for matter in MATTERS:
        if any(fnmatchcase(workload, glob) for glob in matter.workloads):
            for key in (
                key for key in here if fnmatchcase(key, matter.fact) and here[key] != there.get(key, here[key])
            ):
                if difference := _difference(key, here[key], there[key]):
                    yield matter, difference


def _known(facts: Iterable[Fact]) -> Mapping[str, Value]:
    return {fact.key: fact.value for fact in facts if fact.value not in NOT_KNOWN}


def _difference(key: str, bare: Value, target: Value) -> Difference | None:
    """Return the difference; of CPU flags only those that the target lacks can cost it anything."""
    if key != FLAGS:
        return Difference(key, bare, target)
    lacking = sorted(set(str(bare).split()) - set(str(target).split()))
    if not lacking:
        return None
    return Difference(key, f"{len(str(bare).split())} flags", f"{len(lacking)} fewer: {' '.join(lacking)}")
