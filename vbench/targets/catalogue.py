"""Names of targets and what they stand for: paths of hops, outermost first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vbench.errors import HostError, unknown
from vbench.model import BARE, CONTROL, Missing
from vbench.targets.argv import Argv
from vbench.targets.boxes import BOXES
from vbench.targets.hop import Hop
from vbench.targets.impose import Imposed
from vbench.targets.podman import Podman
from vbench.targets.qemu import Qemu
from vbench.targets.variants import SECOND, parse, varied

ALIASES = {"nested": "kvm/kvm"}
STANDARD = (BARE, CONTROL, *(box.name for box in BOXES), "podman", "podman-rootless", "kvm", "kvm/kvm")
ALL = "all"


@dataclass(frozen=True)
class Target:
    """A named path of hops."""

    name: str
    hops: tuple[Hop, ...]
    options: Mapping[str, str] = field(default_factory=dict)  # of a variant, as they were written

    def missing(self) -> list[Missing]:
        """Return what this machine lacks for the whole path; empty means that it can be run."""
        outer: tuple[str, ...] = ()
        lacking = []
        for hop in self.hops:
            lacking += hop.missing(outer)
            outer += (hop.name,)
        return lacking


class Catalogue:
    """The targets that can be named here: the shipped hops and the user's own from `own` (name -> argv)."""

    def __init__(self, own: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.own = dict(own or {})
        bare = Imposed()
        self.hops: dict[str, Hop] = {BARE: bare, CONTROL: bare, "podman": Podman(), "kvm": Qemu()}
        self.hops |= {box.name: box for box in BOXES}
        self.hops["podman-rootless"] = Podman(rootless=True)
        self.hops |= {name: Argv(name, argv) for name, argv in self.own.items()}

    def names(self) -> list[str]:
        """Return the names that `all` stands for."""
        return [*STANDARD, *self.own]

    def target(self, name: str) -> Target:
        """Return a target by its name, path or alias, with the options that stand behind it."""
        asked = parse(name)
        path = ALIASES.get(asked.path, asked.path)
        words = path.split("/")
        for word in words:
            if word not in self.hops:
                raise unknown("target", asked.path if len(words) == 1 else word, [*self.hops, *ALIASES, ALL])
        hops = varied(tuple(self.hops[word] for word in words), asked.options, name)
        whole = ":".join([path, *(f"{key}={value}" for key, value in asked.options.items())])
        return Target(f"{whole}{SECOND if asked.second else ''}", hops, asked.options)

    def guests(self, names: Iterable[str]) -> bool:
        """Return whether a guest is among the targets of the names that stand for something."""
        wanted = _parts(names)
        named = [*wanted, *(self.names() if ALL in wanted else ())]
        return any(hop.name == Qemu.name for name in named if name != ALL for hop in self.target(name).hops)

    def check(self, names: str) -> None:
        """Raise InputError for a name of a comma-separated list that stands for nothing."""
        for name in _parts([names]):
            if name != ALL:
                self.target(name)

    def runnable(self, name: str) -> Target:
        """Return a target that must be able to run here."""
        target = self.target(name)
        if lacking := target.missing():
            raise HostError(
                f"The target '{name}' cannot run here: {lacking[0].what} is missing.", f"Fix: {lacking[0].fix}."
            )
        return target

    def select(self, names: Iterable[str]) -> tuple[list[Target], dict[str, list[Missing]]]:
        """Return the targets to run and what was left out and why; only `all` may leave out, a named target must run.

        Bare and its A/A control are always there: without them there is no ratio and no trust.
        """
        wanted = _parts(names)
        left: dict[str, list[Missing]] = {}
        targets = {name: self.runnable(name) for name in (BARE, CONTROL)}
        for name in self.names() if ALL in wanted else ():
            target = self.target(name)
            if lacking := target.missing():
                left[target.name] = lacking
            else:
                targets[target.name] = target
        for name in wanted:
            if name != ALL:
                target = self.runnable(name)
                targets[target.name] = target
        return list(targets.values()), left


def _parts(names: Iterable[str]) -> list[str]:
    return [part for name in names for part in name.split(",") if part]
