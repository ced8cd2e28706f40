"""Names of targets and what they stand for: paths of hops, outermost first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vbench.errors import HostError, InputError, unknown
from vbench.model import BARE, CONTROL, SECOND, Missing, control_of
from vbench.targets.argv import Argv
from vbench.targets.boxes import BOXES
from vbench.targets.boxes.chroot import Chroot
from vbench.targets.boxes.gvisor import Gvisor
from vbench.targets.emulated import EMULATED
from vbench.targets.engines import ENGINES
from vbench.targets.hop import Hop
from vbench.targets.impose import Imposed
from vbench.targets.plugins import installed
from vbench.targets.qemu import Qemu
from vbench.targets.remote import ELSEWHERE, completed, way_to
from vbench.targets.variants import parse, varied
from vbench.targets.vmm import VMMS
from vbench.targets.xen import XEN, XEN_PATHS

ALIASES = {"nested": "kvm/kvm"}
STANDARD = (BARE, CONTROL, *(hop.name for hop in (*BOXES, *ENGINES)), "gvisor", "kvm", "kvm/kvm")
STANDARD += tuple(vmm.name for vmm in VMMS)
STANDARD += (*(hop.name for hop in EMULATED), *XEN_PATHS)
ALL = "all"
GUESTS = {Qemu.name, *(vmm.name for vmm in VMMS)}  # what runs under the accelerator that is proven


@dataclass(frozen=True)
class Target:
    """A named path of hops."""

    name: str
    hops: tuple[Hop, ...]
    options: Mapping[str, str] = field(default_factory=dict)  # of a variant, as they were written

    @property
    def elsewhere(self) -> bool:
        """Whether it is on another machine, or as far out of this host's sight."""
        return self.hops[0].name in ELSEWHERE

    def missing(self) -> list[Missing]:
        """Return what this machine lacks for the whole path, as far as it can know; empty means that it can be run."""
        outer: tuple[str, ...] = ()
        lacking = []
        for hop in self.hops:
            lacking += hop.missing(outer)
            if hop.name in ELSEWHERE:
                break  # what lacks over there is known once it has been entered
            outer += (hop.name,)
        return lacking


class Catalogue:
    """The targets that can be named here: the shipped hops, the user's own from `own` (name -> argv), the plug-ins."""

    def __init__(self, own: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.own = dict(own or {})
        bare = Imposed()
        self.hops: dict[str, Hop] = {BARE: bare, CONTROL: bare, Chroot.name: Chroot(), "kvm": Qemu()}
        self.hops |= {hop.name: hop for hop in (*BOXES, *ENGINES, *VMMS, *EMULATED, *XEN)}
        self.hops["gvisor"] = Gvisor()
        self.hops |= {name: Argv(name, argv) for name, argv in self.own.items()}
        self.plugins = installed({*self.hops, *ALIASES, ALL})
        self.hops |= self.plugins.hops

    @property
    def brought(self) -> dict[str, tuple[str, ...]]:
        """The ways in that are not ours: a user's own with its argv, a plug-in with its package and version."""
        return {**self.own, **{name: (origin,) for name, origin in self.plugins.origins.items()}}

    def names(self) -> list[str]:
        """Return the names that `all` stands for."""
        return [*STANDARD, *self.own, *self.plugins.hops]

    def target(self, name: str) -> Target:
        """Return a target by its name, path or alias, with the options that stand behind it."""
        asked = parse(name)
        path = ALIASES.get(asked.path, asked.path)
        words = path.split("/")
        hops = completed(tuple(self._hop(word, asked.path if len(words) == 1 else word) for word in words))
        hops = varied(hops, asked.options, name)
        whole = ":".join([path, *(f"{key}={value}" for key, value in asked.options.items())])
        return Target(f"{whole}{SECOND if asked.second else ''}", hops, asked.options)

    def _hop(self, word: str, named: str) -> Hop:
        """Return the hop of a word of a path; an error names it as `named`."""
        if word in self.hops:
            return self.hops[word]
        if hop := way_to(word):
            return hop
        if word in self.plugins.refused:
            raise HostError(self.plugins.refused[word], "Mend that package, or remove it.")
        others = (f"{kind}:{way.example}" for kind, way in ELSEWHERE.items())
        raise unknown("target", named, [*self.hops, *ALIASES, ALL, *others])

    def origins(self, target: Target) -> dict[str, str]:
        """Return the package and version that each plug-in among a target's hops is from, by its name."""
        words = parse(target.name).path.split("/")
        return {word: self.plugins.origins[word] for word in words if word in self.plugins.origins}

    def baseline(self, name: str | None) -> str | None:
        """Return the whole name of a run's baseline; InputError for one that is a control."""
        found = name and self.target(name).name
        if found and (found == CONTROL or found.endswith(SECOND)):
            raise InputError(f"'{name}' is a control, and no baseline.", "Name the target that it is the control of.")
        return found

    def guests(self, names: Iterable[str]) -> bool:
        """Return whether a guest of this machine is among the targets of the names that stand for something."""
        wanted = _parts(names)
        named = [*wanted, *(self.names() if ALL in wanted else ())]
        targets = [self.target(name) for name in named if name != ALL]
        return any(hop.name in GUESTS for one in targets if not one.elsewhere for hop in one.hops)

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

    def select(
        self, names: Iterable[str], baseline: str | None = BARE
    ) -> tuple[list[Target], dict[str, list[Missing]]]:
        """Return the targets to run and what was left out and why; only `all` may leave out, a named target must run.

        The baseline and its A/A control are always there: without them there is no ratio and no trust.
        """
        wanted = _parts(names)
        left: dict[str, list[Missing]] = {}
        targets = {name: self.runnable(name) for name in (baseline, control_of(baseline)) if name}
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
