"""How many instances a host can hold: one more after the other, until the service level breaks or memory ends.

The service is a round trip to an agent. It is asked of every instance in turn, so that its quantile has the slowest.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path

import psutil

from vbench.errors import HostError, JobError, TargetError
from vbench.run import lifecycle_processes as processes
from vbench.run.lifecycle_nursery import First, Nursery
from vbench.run.quiet.turned import turned
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance
from vbench.targets.pipe import Outcome
from vbench.workloads.form import Density

ROUNDS = 100  # round trips to each instance
PATIENCE = 30.0  # seconds for one
KSM = Path("/sys/kernel/mm/ksm")
MERGING = {"pages_to_scan": "20000", "run": "1"}  # the usual 100 pages every 20 ms take minutes for a few guests
SCANS = 3  # of all memory, after which ksmd has merged what it can: it takes only pages that it has seen unchanged
LONGEST = 600.0  # seconds that they may take
PAUSE = 1.0  # seconds without a page being looked at, after which there is none to look at


@dataclass(frozen=True)
class Look:
    """What was seen with so many instances: seconds of a round trip, bytes of memory that the host had left."""

    instances: int
    latency_p50: float
    latency_p99: float
    available: int

    def holds(self, density: Density) -> bool:
        """Return whether the service level and the reserve were held."""
        return self.latency_p99 <= density.level and self.available >= density.reserve


def crowd(density: Density, first: First, target: Target, nursery: Nursery) -> tuple[Outcome, dict[str, object]]:
    """Return the outcome of the first instance's first job, and what was found; TargetError where not one starts."""
    with ExitStack() as stack:
        for name, value in MERGING.items() if density.ksm else ():
            stack.enter_context(turned(str(KSM / name), value))
        grown = Crowd(density, first, target, nursery, stack)
        outcome = grown.add()
        if not outcome.ok:
            return outcome, {}
        grown.looks.append(look(grown.living))
        alone = grown.memory()
        end = grown.grow()
        whole, more = len(grown.looks) == len(grown.living), len(grown.living) - 1
        together = grown.memory() if whole and more else None
        return outcome, {
            "target": target.name,
            "instances": sum(seen.holds(density) for seen in grown.looks),
            "most": density.most,
            "ended": end,
            "looks": [asdict(seen) for seen in grown.looks],
            "ksm": (KSM / "run").read_text().strip() if KSM.exists() else None,
            "memory_of_one": alone,
            "memory_of_all": together,
            "marginal_memory": None if alone is None or together is None else (together - alone) / more,
        }


class Crowd:
    """The instances that live, and what was seen each time that there was one more."""

    def __init__(self, density: Density, first: First, target: Target, nursery: Nursery, stack: ExitStack) -> None:
        self.density = density
        self.first = first
        self.target = target
        self.nursery = nursery
        self.stack = stack
        self.living: list[Instance] = []
        self.looks: list[Look] = []

    def add(self) -> Outcome:
        """Start one more and run its first job."""
        instance = self.stack.enter_context(self.nursery.born(self.target, "cached", len(self.living)))
        self.living.append(instance)
        return self.first.run(instance)

    def grow(self) -> str:
        """Add instances while the service level holds; return why there is no other one."""
        while self.looks[-1].holds(self.density):
            if len(self.living) == self.density.most:
                return "no more were asked for"
            try:
                outcome = self.add()
                if not outcome.ok:
                    return f"the first job in instance {len(self.living)} {outcome.complaint()}"
                self.looks.append(look(self.living))
            except (TargetError, JobError) as error:
                return error.message
        return "the service level or the host's reserve of memory was broken"

    def memory(self) -> int | None:
        """Return the bytes that all processes behind the instances hold together; what they share counts once."""
        if self.density.ksm:
            merged()
        every = processes.seen(one for each in self.living for one in processes.behind(each.pipe))
        return processes.total(one.pss for one in every)


def look(living: Sequence[Instance]) -> Look:
    """Ask every instance in turn, round by round, and see how much memory is left."""
    trips = sorted(trip(instance) for _ in range(ROUNDS) for instance in living)
    median, high = (trips[ceil(share * len(trips)) - 1] for share in (0.5, 0.99))
    return Look(len(living), median, high, psutil.virtual_memory().available)


def trip(instance: Instance) -> float:
    """Return the seconds of one round trip to an instance's agent."""
    started = time.monotonic()
    instance.pipe.greet(PATIENCE)
    return time.monotonic() - started


def merged() -> None:
    """Wait until ksmd has looked at all pages `SCANS` times, or has none to look at; HostError where it is too slow."""
    deadline = time.monotonic() + LONGEST
    wanted, seen = _count("full_scans") + SCANS, -1
    while _count("full_scans") < wanted and (now := _count("pages_scanned")) != seen:
        if time.monotonic() > deadline:
            remedy = f"Raise '{KSM}/pages_to_scan'."
            raise HostError(f"ksmd did not look at all memory {SCANS} times within {LONGEST:.0f} s.", remedy)
        seen = now
        time.sleep(PAUSE)


def _count(name: str) -> int:
    return int((KSM / name).read_text())
