"""A comparison as a table, as Markdown and as JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import groupby

from rich.console import RenderableType

from vbench.errors import unknown
from vbench.reports.compare import Comparison, LeftOut, Row
from vbench.reports.grid import Grid, as_markdown, terminal
from vbench.reports.numbers import between, change, percent, rough

SCHEMA = "vbench.compare/1"
_COLUMNS = ("target", "metric", "boots", "first", "second", "change", "interval", "MDE", "outcome")
_LEFT = frozenset({"target", "metric", "outcome"})
_STYLES = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}
_MEANING = {
    "no worse": "No worse: every change is below the margin of {margin}.",
    "regressed": "Regressed: a cost grew by more than the margin of {margin}.",
    "inconclusive": "Inconclusive: the runs cannot tell whether every change is below the margin of {margin}; "
    "more boots narrow the intervals.",
    None: "Measured nothing: the runs have no cell in common.",
}


def render(found: Comparison, form: str) -> str | RenderableType:
    """Return the comparison in a format of `FORMATS`: text, or for `table` what a rich console prints."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return FORMATS[form](found)


def markdown(found: Comparison) -> str:
    """Return the comparison as Markdown, such as for a job's summary on GitHub."""
    return as_markdown(f"{found.new} against {found.base}", _grids(found), _notes(found))


def _json(found: Comparison) -> str:
    document = {"schema": SCHEMA, **asdict(found), "exit_code": found.exit_code}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _table(found: Comparison) -> RenderableType:
    return terminal(_grids(found), _notes(found))


FORMATS: dict[str, Callable[[Comparison], str | RenderableType]] = {
    "table": _table,
    "md": markdown,
    "json": _json,
}


def _grids(found: Comparison) -> list[Grid]:
    return [
        Grid(workload, _COLUMNS, tuple(map(_words, rows)), _LEFT, _STYLES)
        for workload, rows in groupby(found.rows, key=lambda row: row.workload)
    ]


def _words(row: Row) -> tuple[str, ...]:
    boots = f"{row.base_boots}/{row.new_boots}"
    changed = change(row.change, row.low, row.high), between(row.low, row.high)
    return (row.target, row.metric, boots, rough(row.base), rough(row.new), *changed, percent(row.mde), row.outcome)


def _notes(found: Comparison) -> Iterator[str]:
    yield _MEANING[found.outcome].format(margin=percent(found.margin))
    yield (
        f"First is the cost relative to bare in {found.base}, second in {found.new}; change is second / first, above 1 "
        "is worse. Intervals are at 95 %; a regression holds after Holm's correction over all cells."
    )
    yield from found.notes
    for aspect in found.allowed:
        yield f"Allowed, though it may be the cause: {aspect}."
    for row in found.rows:
        for warning in row.warnings:
            yield f"{row.workload} {row.metric} on {row.target}: {warning}."
    yield from map(_left_out, found.left_out)


def _left_out(cell: LeftOut) -> str:
    return f"Not compared: {cell.workload} {cell.metric} on {cell.target}: {cell.reason}."
