"""An attribution in words: a small table of counters, bare against the target, with a reason for every one unknown."""

from dataclasses import asdict
from typing import Any

from vbench.reports import numbers
from vbench.reports.grid import Grid, Page
from vbench.reports.why import Amount, Line, Why
from vbench.units import format_value

SCHEMA = "vbench.why/1"
UNKNOWN = "unknown"
TITLES = {"target": "inside the target", "host": "on the host"}


def page(why: Why) -> Page:
    """Return the attribution as a page; its JSON has both medians of every counter in base units."""
    grids = tuple(
        Grid(title, ("counter", why.baseline, why.target, "times"), tuple(map(_row, lines)), frozenset({"counter"}))
        for side, title in TITLES.items()
        if (lines := [line for line in why.lines if line.side == side])
    )
    heading = f"{why.workload} on {why.target}, run {why.run}"
    return Page(heading, grids, _notes(why), {**_origin(why), **_document(why)}, _origin(why))


def _row(line: Line) -> tuple[str, ...]:
    amounts = (_words(amount, line.unit) for amount in (line.bare, line.target))
    return line.name, *amounts, numbers.rough(line.ratio) if line.ratio else numbers.NONE


def _words(amount: Amount, unit: str) -> str:
    return UNKNOWN if amount.job is None else format_value(amount.job, unit)


def _notes(why: Why) -> tuple[str, ...]:
    same = f"for the same work: {why.unit}" if why.unit else "as they are: how much work a job does is unknown"
    about = (
        f"{why.workload} on {why.target}: medians over the measured jobs, of whole jobs. 'times' compares them {same}."
    )
    return (about, *_reasons(why))


def _reasons(why: Why) -> list[str]:
    """Return each reason once, with the counters that it is the reason for."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in why.lines:
        where: dict[str, list[str]] = {}
        for target, amount in ((why.baseline, line.bare), (why.target, line.target)):
            if amount.job is None:
                where.setdefault(amount.unknown, []).append(target)
        for reason, targets in where.items():
            found.setdefault((", ".join(targets), reason), []).append(line.name)
    return [f"unknown on {targets}: {reason} ({_some(names)})." for (targets, reason), names in found.items()]


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= len(TITLES) else f"{names[0]} and {len(names) - 1} more"


def _origin(why: Why) -> dict[str, Any]:
    about = {"workload": why.workload, "target": why.target, "baseline": why.baseline}
    return {"schema": SCHEMA, "run": why.run, **about}


def _document(why: Why) -> dict[str, Any]:
    return {"work": why.unit, "rows": [{**asdict(line), "ratio": line.ratio} for line in why.lines]}
