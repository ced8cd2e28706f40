"""What the doctor says of one thing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from vbench.model import Fact, Value

Severity = Literal["severe", "disturbs", "note", "unknown", "fine"]
SEVERITIES: tuple[Severity, ...] = ("severe", "disturbs", "note", "unknown", "fine")


@dataclass(frozen=True)
class Finding:
    """One thing that disturbs measurements, might, or does not; what cannot be known is "unknown", never "fine".

    `value` is in `unit` where it is a number. `why` says how it disturbs, `fix` how to mend it in one line ("" where
    there is nothing to mend or no way), `reversible` whether the mend can be taken back without a reboot (None without
    a fix), `tunable` whether `vbench doctor --tune` does it and `--undo` takes it back.
    """

    what: str
    value: Value
    severity: Severity
    why: str
    fix: str = ""
    unit: str | None = None
    reversible: bool | None = None
    tunable: bool = False
    source: str = ""


def graded(value: float, note: float, disturbs: float, severe: float) -> Severity:
    """Return how bad a number is that is fine below `note`.

    >>> graded(0.0, 0.01, 0.1, 0.5), graded(0.1, 0.01, 0.1, 0.5)
    ('fine', 'disturbs')
    """
    return "severe" if value >= severe else "disturbs" if value >= disturbs else "note" if value >= note else "fine"


def ordered(found: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first, otherwise in their order."""
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def number_of(facts: Mapping[str, Fact], key: str) -> float | None:
    """Return the number that a fact is, None where it is a word or not there."""
    fact = facts.get(key)
    return float(fact.value) if fact and not isinstance(fact.value, str) else None
