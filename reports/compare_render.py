"""A comparison of two runs as a page: a table, Markdown or JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from vbench.reports.compare import Comparison, LeftOut, Row
from vbench.reports.grid import Grid, Page
from vbench.reports.numbers import between, change, percent, rough
from vbench.reports.outcome import STYLES, meaning

SCHEMA = "vbench.compare/1"
_COLUMNS = ("target", "metric", "boots", "first", "second", "change", "interval", "MDE", "outcome")
_LEFT = frozenset({"target", "metric", "outcome"})


def page(found: Comparison) -> Page:
    """Return the comparison as what is printed of it."""
    document = {"schema": SCHEMA, **asdict(found), "exit_code": found.exit_code}
    origin = {name: document[name] for name in ("schema", "base", "new", "margin")}
    origin["allowed"] = [aspect.name for aspect in found.allowed]
    return Page(f"{found.new} against {found.base}", _grids(found), tuple(_notes(found)), document, origin)


def _grids(found: Comparison) -> tuple[Grid, ...]:
    by_workload = groupby(found.rows, key=lambda row: row.workload)
    return tuple(Grid(name, _COLUMNS, tuple(map(_words, rows)), _LEFT, STYLES) for name, rows in by_workload)


def _words(row: Row) -> tuple[str, ...]:
    boots = f"{row.base_boots}/{row.new_boots}"
    changed = change(row.change, row.low, row.high), between(row.low, row.high)
    return (row.target, row.metric, boots, rough(row.base), rough(row.new), *changed, percent(row.mde), row.outcome)


def _notes(found: Comparison) -> Iterator[str]:
    yield meaning(found.outcome, found.margin)
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
