"""What a job printed becomes numbers. It comes out of a target: it is bounded, and nothing in it is believed."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from math import isfinite
from typing import Any

import jmespath
import regex

from vbench.model import Failure
from vbench.workloads.form import Reading, Workload

LIMIT = 2**20  # characters of output; the shipped job that says most prints 20 thousand
_STARTS = 64  # lines that look like the beginning of JSON: each costs an attempt
_PATIENCE = 5.0  # seconds that a pattern may search: some take exponential time on a text made for it

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"(?<=\d),(?=\d)", re.ASCII)
_LOCALE = "its job has set a locale other than C, or prints a list"
_START = re.compile(r"^[ \t]*(?=[{\[])", re.MULTILINE)
_REST = re.compile(r"[ \t\r]*(?:\n|\Z)")
_NO_JSON = re.compile(r"(?<=[:,\[\s])[-+]?(?:nan|inf)(?=\s*[,\]}])")  # what C's printf makes of such numbers
_ABSENT = object()
TWICE = object()  # the value of a key that is there twice


class _NoNumberError(Exception):
    """Says in half a sentence why a metric has no number."""


def parse(workload: Workload, stdout: str, wall: float | None = None) -> dict[str, float | Failure]:
    """Return every metric of the workload by name: a positive finite number in its base unit, or why there is none.

    A metric whose form says `zero` may be exactly 0, too. `wall` is how long the job took in seconds, by the clock of
    its target, None where nobody knows.

    Raises nothing, whatever `stdout` holds. A value that is absent, there twice, no number, not finite, not positive
    or outside of the metric's range is a Failure with the job's blame; so is all of an output longer than `LIMIT`.
    """
    document = _decode(stdout) if any(metric.json is not None for metric in workload.metrics) else _ABSENT
    return {metric.name: _reading(workload.name, metric, stdout, document, wall) for metric in workload.metrics}


def _reading(workload: str, metric: Reading, stdout: str, document: Any, wall: float | None) -> float | Failure:
    try:
        return _plausible(metric, _timed(wall) if metric.clock else _printed(metric, stdout, document))
    except _NoNumberError as why:
        return Failure("job", f"'{workload}' gave no '{metric.name}': {why}.")


def _timed(wall: float | None) -> float:
    if wall is None:
        raise _NoNumberError("nothing says how long the job took")
    return wall


def _printed(metric: Reading, stdout: str, document: Any) -> float:
    _bounded(stdout)
    return _found(metric.json, document) if metric.json is not None else _matched(str(metric.pattern), stdout)


def _bounded(stdout: str) -> None:
    if len(stdout) > LIMIT:
        raise _NoNumberError(f"the job printed more than {LIMIT} characters")


def _plausible(metric: Reading, found: float) -> float:
    value = found * metric.scale
    if metric.zero and value == 0:
        return 0.0
    if not isfinite(value) or value <= 0:
        raise _NoNumberError(f"it printed {found!r}, which is not finite and positive")
    if not metric.low <= value <= metric.high:
        raise _NoNumberError(f"{value:g} {metric.unit} is outside of {metric.low:g} to {metric.high:g}")
    return value


def _matched(pattern: str, text: str) -> float:
    values = _searched(pattern, text)
    if not values and _searched(pattern, _COMMA.sub(".", text)):
        raise _NoNumberError(f"the pattern '{pattern}' occurs only with points for its numbers' commas; {_LOCALE}")
    if len(values) != 1:
        raise _NoNumberError(f"the pattern '{pattern}' occurs {'twice' if values else 'nowhere'} in its output")
    if not _NUMBER.fullmatch(values[0]):
        raise _NoNumberError(f"it printed {values[0]!r:.60}, which is no number")
    return float(values[0])


def _searched(pattern: str, text: str) -> list[str]:
    """Return what the pattern's group holds at its first two places; a number that a comma cuts short is none."""
    try:
        matches = regex.finditer(pattern, text, flags=regex.MULTILINE, timeout=_PATIENCE)
        found = [match for _, match in zip(range(2), matches, strict=False)]
    except TimeoutError:
        raise _NoNumberError(f"the pattern '{pattern}' searched for {_PATIENCE:g} s") from None
    for match in found:
        rest = _COMMA.match(text, match.end())
        if rest and match.end() == match.end(1):
            cut = text[match.start(1) : rest.end() + 1]
            raise _NoNumberError(f"it printed '{cut:.60}...', where a comma follows the number; {_LOCALE}")
    return [str(match[1]) for match in found]


def _found(path: str, document: Any) -> float:
    if document is _ABSENT:
        raise _NoNumberError("its output holds no JSON")
    try:
        value = jmespath.search(path, document)
    except Exception as error:  # noqa: BLE001 - whatever the library makes of hostile data, the job is to blame
        raise _NoNumberError(f"'{path}' cannot be read ({type(error).__name__})") from None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _NoNumberError(f"'{path}' is {_said(value)}")
    try:
        return float(value)
    except OverflowError:
        raise _NoNumberError(f"'{path}' has more digits than a number can") from None


def _said(value: Any) -> str:
    if value is None:
        return "absent"
    return "there twice" if value is TWICE else f"no number but a JSON {type(value).__name__}"


def _decode(text: str) -> Any:
    """Return the first JSON of the output."""
    return next(documents(text[:LIMIT]), _ABSENT)


def documents(text: str) -> Iterator[Any]:
    """Yield every JSON that begins and ends with a line; tools print other lines before, between and after.

    A key that is there twice in one object has the value `TWICE`, and C's nan and inf are read as NaN. The caller
    bounds the text: each of the first 64 lines that look like a beginning and are none costs an attempt.
    """
    text = _NO_JSON.sub("NaN", text)
    decoder = json.JSONDecoder(object_pairs_hook=_table)
    position, misses = 0, 0
    while misses < _STARTS and (start := _START.search(text, position)):
        try:
            document, position = decoder.raw_decode(text, start.end())
            found = bool(_REST.match(text, position))
        except (ValueError, RecursionError):
            position, found = start.end() + 1, False
        if found:
            yield document
        else:
            misses += 1


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which a key that is there twice has no value, since nobody knows which one is meant."""
    counts = Counter(key for key, _ in pairs)
    return {key: value if counts[key] == 1 else TWICE for key, value in pairs}
