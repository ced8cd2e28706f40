"""Where instances come from whose start is measured: from the page cache, from the disk, from a memory snapshot."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from vbench.run import lifecycle_files as files
from vbench.run.machine import Machine
from vbench.run.plan import Profile
from vbench.run.times import Times
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance, open_target
from vbench.targets.hop import Entry, Hop
from vbench.targets.pipe import Outcome
from vbench.targets.place import Place, Settings
from vbench.targets.restore import Seed, open_restored, plant, restorable

FOLDER = "/tmp"  # noqa: S108 - of the new instance


@dataclass(frozen=True)
class First:
    """The job that is the first one of an instance; `timeout` in seconds."""

    argv: tuple[str, ...]
    timeout: int
    env: Mapping[str, str]

    def run(self, instance: Instance) -> Outcome:
        """Run it to its end or its deadline."""
        return instance.pipe.exec(self.argv, timeout=self.timeout, env=self.env, cwd=FOLDER)


@dataclass(frozen=True)
class Nursery:
    """What makes the instances of one boot of the plan; `stack` ends the seeds of the restored ones with it."""

    machine: Machine
    settings: Settings
    profile: Profile
    times: Times
    stack: ExitStack
    seeds: dict[str, Seed] = field(default_factory=dict)

    @contextmanager
    def born(self, target: Target, state: str, number: int = 0) -> Iterator[Instance]:
        """Start one more instance of a target; those that live at the same time have different numbers."""
        with self.machine.place(_name(target, number)) as place, self._opened(target, state, place) as instance:
            yield instance

    def prepare(self, target: Target, state: str) -> None:
        """Plant this boot's own seed of a target that will be restored: its instances are of no other boot."""
        if _restores(target, state) and target.name not in self.seeds:
            place = self.stack.enter_context(self.machine.place(_name(target, 0)))
            planted = plant(target, place, self.settings, self.machine.ledger)
            self.seeds[target.name] = self.stack.enter_context(planted)

    def _opened(self, target: Target, state: str, place: Place) -> AbstractContextManager[Instance]:
        if _restores(target, state):
            return open_restored(self.seeds[target.name], place, self.settings, self.machine.ledger)
        if state == "cold":
            target = replace(target, hops=(Chilled(target.hops[0]), *target.hops[1:]))
        return open_target(target, place, self.settings, self.machine.ledger)


class Chilled:
    """A hop whose image and programs the page cache has forgotten when it is executed."""

    def __init__(self, hop: Hop) -> None:
        self.name = hop.name
        self.takes_devices = hop.takes_devices
        self.missing = hop.missing
        self._hop = hop

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter the hop, and drop its files last of all: to prepare it may have read some of them."""
        entry = self._hop.enter(place, settings, stack)
        files.evict([*entry.image(), *files.programs(entry.argv)])
        return entry


def _restores(target: Target, state: str) -> bool:
    return state == "restored" and restorable(target)


def _name(target: Target, number: int) -> str:
    return f"{target.name}+{number}"
