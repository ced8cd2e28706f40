"""What a reader makes of a file that a benchmark tool wrote elsewhere, and the checks that all readers share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from vbench.errors import InputError
from vbench.model import Better, Failure, Metric
from vbench.workloads.form import KNOWN
from vbench.workloads.outputs import TWICE

MOST = 1000  # parts of one file
LONGEST = 100  # characters of a name or of a setting
SMALLEST, LARGEST = 1e-30, 1e30  # what can be a cost in base units; the statistics have the same bounds

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TAIL = re.compile(r"latency_p9[5-9]\d*")


@dataclass(frozen=True)
class Reading:
    """One metric of one part: a positive finite number in the metric's base unit, or why there is none."""

    metric: Metric
    value: float | Failure


@dataclass(frozen=True)
class Part:
    """One result of a file: a job, a direction, an algorithm. `definition` is what is known of how it was run."""

    name: str
    readings: tuple[Reading, ...]
    definition: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """A file as read. `version` is None where the file does not say it; `warnings` concern all of it."""

    tool: str
    version: str | None
    parts: tuple[Part, ...]
    warnings: tuple[str, ...] = ()


def reading(name: str, value: Any, scale: float = 1.0, *, own: tuple[str, Better] | None = None) -> Reading:
    """Return the reading of a value that a tool gave, a number or its text; `own` is unit and direction of a new name.

    A value that is absent, there twice, no number, or no positive, finite and plausible one, is a failure.
    """
    unit, better = own or KNOWN[name]
    metric = Metric(name, unit, better, tail=bool(_TAIL.fullmatch(name)))
    if isinstance(value, Failure):
        return Reading(metric, value)
    why = _trouble(value)
    if why is None:
        scaled = float(value) * scale
        if SMALLEST <= scaled <= LARGEST:
            return Reading(metric, scaled)
        why = f"{text_of(value)} is not finite and positive"
    return Reading(metric, Failure("job", f"There is no '{name}': {why}."))


def _trouble(value: Any) -> str | None:
    """Return why a value is no finite number, in half a sentence."""
    if value is None:
        return "it is absent"
    if value is TWICE:
        return "it is there twice"
    if isinstance(value, str):
        return None if len(value) <= LONGEST and _NUMBER.fullmatch(value) else f"{value!r:.60} is no number"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"it is no number but a JSON {type(value).__name__}"
    try:
        return None if isfinite(value) else f"{value!r} is not finite and positive"
    except OverflowError:
        return "it has more digits than a number can"


def at(value: Any, *path: str) -> Any:
    """Return what stands at a path of keys; None where there is nothing, TWICE where a key on it is there twice."""
    for key in path:
        if value is TWICE:
            return TWICE
        value = value.get(key) if isinstance(value, dict) else None
    return value


def number(value: Any) -> float | None:
    """Return a JSON number as a float, None for everything else and for what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def text_of(value: Any) -> str:
    """Return a short text of a value for names, versions and settings."""
    return " ".join(str(value).split())[:LONGEST]


def settings(value: Any, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return a JSON object as settings: what is no text and no number says nothing and is left out."""
    if not isinstance(value, dict):
        return {}
    kept = [(key, one) for key, one in value.items() if key not in without and isinstance(one, str | int | float)]
    return {text_of(key): text_of(one) for key, one in kept[:MOST]}


def report(tool: str, version: Any, parts: Iterable[Part], warnings: tuple[str, ...] = ()) -> Report:
    """Return the report with its bounds checked. Raises InputError: no part, or more than a thousand."""
    found = tuple(part for _, part in zip(range(MOST + 1), parts, strict=False))
    if not found:
        raise InputError(f"The output of '{tool}' holds no result.", "Import the output of a run that ended.")
    if len(found) > MOST:
        raise InputError(f"The output of '{tool}' holds more than {MOST} results.", "Split it.")
    return Report(tool, text_of(version) if isinstance(version, str) and version else None, found, warnings)


def once(tool: str, count: int) -> None:
    """Refuse a file with several reports of a tool that writes one: nobody knows which one is meant."""
    if count > 1:
        raise InputError(f"The file holds {count} different reports of '{tool}'.", "Save each in a file of its own.")
