"""An A/B as a page: a table, Markdown or JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from vbench.reports.ab import Comparison, Row
from vbench.reports.grid import Grid, Page
from vbench.reports.numbers import between, change, percent
from vbench.reports.outcome import STYLES, meaning
from vbench.units import format_value

SCHEMA = "vbench.ab/1"
_COLUMNS = ("metric", "boots", "base", "new", "change", "interval", "MDE", "outcome")
_LEFT = frozenset({"metric", "outcome"})


def page(found: Comparison) -> Page:
    """Return the A/B as what is printed of it."""
    document = {"schema": SCHEMA, **asdict(found), "exit_code": found.exit_code}
    origin = {name: document[name] for name in ("schema", "run", "base", "new", "margin")}
    return Page(f"{found.new} against {found.base}", _grids(found), tuple(_notes(found)), document, origin)


def _grids(found: Comparison) -> tuple[Grid, ...]:
    by_workload = groupby(found.rows, key=lambda row: row.workload)
    return tuple(Grid(name, _COLUMNS, tuple(map(_words, rows)), _LEFT, STYLES) for name, rows in by_workload)


def _words(row: Row) -> tuple[str, ...]:
    values = format_value(row.base, row.unit), format_value(row.new, row.unit)
    changed = change(row.change, row.low, row.high), between(row.low, row.high)
    return (row.metric, f"{row.boots}", *values, *changed, percent(row.mde), row.outcome)


def _notes(found: Comparison) -> Iterator[str]:
    yield meaning(found.outcome, found.margin)
    yield (
        f"Base is {found.base}, new is {found.new}, interleaved in run {found.run}; change is cost(new) / cost(base), "
        "above 1 is worse. Intervals are at 95 %; a regression holds after Holm's correction over all metrics."
    )
    if found.noise_floor is not None:
        yield f"The noise floor of the session is {percent(found.noise_floor)} (bare2 against bare)."
    yield from found.notes
    for one in found.differences:
        yield f"They differ: {one.fact} is '{one.bare}' on base and '{one.target}' on new."
    for row in found.rows:
        for warning in row.warnings:
            yield f"{row.workload} {row.metric}: {warning}."
    for cell in found.left_out:
        yield f"Not compared: {cell.workload} {cell.metric}: {cell.reason}."
