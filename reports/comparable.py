"""What must agree before two runs, or two sessions of a history, may be compared: aspects with names."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from vbench.errors import InputError, unknown
from vbench.model import Value
from vbench.store.session import Measured, Session

UNKNOWN = "unknown"
MACHINE = ("kernel.arch", "cpu.model", "cpu.count", "memory.total")  # what makes two machines one kind
CONDITIONS = ("kernel.release", "cpu.mitigations", "cpu.smt", "cpu.governor", "cpu.turbo")
DIGESTS = ("image", "agent")
SETTINGS = ("cpus", "memory", "restored")
PROFILE = ("seconds", "warmups")
_DIGESTS = (".sha256", ".digest")  # how keys of `variants` end that say what is in a file
_GIB = 2**30
_SHORT = 16  # characters of a digest that people read


@dataclass(frozen=True)
class Aspect:
    """Something that two runs do not have in common."""

    name: str
    base: Value
    new: Value

    def __str__(self) -> str:
        return f"{self.name} is '{self.base}' in the first and '{self.new}' in the second"


def machine(session: Session) -> dict[str, Value]:
    """Return the facts of the machine itself; memory in whole GiB, since kernels keep differing shares of it."""
    known = _known(session.machine, MACHINE)
    memory = known["memory.total"]
    return known if isinstance(memory, str) else known | {"memory.total": f"{max(1, round(memory / _GIB))} GiB"}


def fingerprint(session: Session) -> str:
    """Return twelve hex digits of the SHA-256 over the machine's facts: one kind of machine, not one serial number."""
    return hashlib.sha256(json.dumps(machine(session), sort_keys=True).encode()).hexdigest()[:12]


def conditions(session: Session) -> dict[str, Value]:
    """Return what may change on one machine from session to session, and explain a change of a level."""
    digests = _known(session.digests, DIGESTS)
    return _known(session.machine, CONDITIONS) | {f"{name}.digest": str(digests[name])[:_SHORT] for name in DIGESTS}


def definition(session: Session, workload: str, target: str, cells: Iterable[Measured]) -> dict[str, Value]:
    """Return what the figures of a workload on a target mean: a series holds sessions that agree in all of it."""
    accelerators = (cell.accelerator for cell in cells if cell.target == target and cell.accelerator)
    settings, profile = _known(session.settings, SETTINGS), _known(session.profile, PROFILE)
    return {
        **{f"settings.{name}": value for name, value in settings.items()},
        **{f"profile.{name}": value for name, value in profile.items()},
        "baseline": session.baseline or "none",
        f"workload.{workload}": _told(session.workloads.get(workload, {})),
        f"target.{target}": " ".join(session.own_targets.get(target, ())) or "built in",
        f"accelerator.{target}": next(accelerators, "none"),
        **{f"target.{target}.{key}": value[:_SHORT] for key, value in _files(session.variants.get(target, {}))},
    }


def aspects(session: Session, cells: Sequence[Measured], places: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Return all aspects of a run that bear on these (workload, target) places."""
    found = machine(session) | conditions(session)
    for workload, target in places:
        found |= definition(session, workload, target, cells)
    return found


def differing(base: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[Aspect, ...]:
    """Return the aspects in which two runs differ."""
    names = dict.fromkeys((*base, *new))
    pairs = ((name, base.get(name, UNKNOWN), new.get(name, UNKNOWN)) for name in names)
    return tuple(Aspect(name, a, b) for name, a, b in pairs if a != b)


def untold(base: Mapping[str, Value], new: Mapping[str, Value]) -> list[str]:
    """Return the aspects of which neither side says anything: they may differ."""
    return [name for name, value in base.items() if value == new.get(name) == UNKNOWN]


def refuse(found: Sequence[Aspect], allowed: Sequence[str], names: Iterable[str]) -> None:
    """Raise InputError where an aspect differs that is not allowed, or where `allowed` (names, globs) holds no name."""
    known = list(names)
    for glob in allowed:
        if not any(fnmatchcase(name, glob) for name in known):
            raise unknown("aspect", glob, known)
    rest = [aspect for aspect in found if not any(fnmatchcase(aspect.name, glob) for glob in allowed)]
    if rest:
        told = "; ".join(map(str, rest))
        flags = " ".join(f"--allow {aspect.name}" for aspect in rest)
        remedy = f"If that is the change you want to judge, add {flags}."
        raise InputError(f"The runs are not comparable: {told}.", remedy)


def _files(variant: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the digests of the files that a variant's options name; the options themselves are in its name."""
    return ((key, value) for key, value in variant.items() if key.endswith(_DIGESTS))


def _known(table: Mapping[str, Any], names: Iterable[str]) -> dict[str, Value]:
    return {name: value if isinstance(value := table.get(name), str | int | float) else UNKNOWN for name in names}


def _told(about: Mapping[str, Any]) -> str:
    """Say what run.json says of a workload's definition: version and digest, and the tool of an imported file."""
    scalars = sorted((key, value) for key, value in about.items() if isinstance(value, str | int | float))
    return ", ".join(f"{key} {str(value)[:_SHORT]}" for key, value in scalars) or UNKNOWN
