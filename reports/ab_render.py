"""An A/B as a table, as Markdown and as JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import groupby

from rich.console import RenderableType

from vbench.errors import unknown
from vbench.reports.ab import Comparison, Row
from vbench.reports.grid import Grid, as_markdown, terminal
from vbench.reports.numbers import between, change, percent
from vbench.units import format_value

SCHEMA = "vbench.ab/1"
_COLUMNS = ("metric", "boots", "base", "new", "change", "interval", "MDE", "outcome")
_LEFT = frozenset({"metric", "outcome"})
_STYLES = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}
_MEANING = {
    "no worse": "No worse: every change is below the margin of {margin}.",
    "regressed": "Regressed: a cost grew by more than the margin of {margin}.",
    "inconclusive": "Inconclusive: the run cannot tell whether every change is below the margin of {margin}; "
    "more boots narrow the intervals.",
    None: "Measured nothing: the two have no metric in common.",
}


def render(found: Comparison, form: str) -> str | RenderableType:
    """Return the A/B in a format of `FORMATS`: text, or for `table` what a rich console prints."""
    return FORMATS[known(form)](found)


def known(form: str) -> str:
    """Return a format that there is; InputError for another."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return form


def markdown(found: Comparison) -> str:
    """Return the A/B as Markdown, such as for a job's summary on GitHub."""
    return as_markdown(f"{found.new} against {found.base}", _grids(found), _notes(found))


def _json(found: Comparison) -> str:
    document = {"schema": SCHEMA, **asdict(found), "exit_code": found.exit_code}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _table(found: Comparison) -> RenderableType:
    return terminal(_grids(found), _notes(found))


FORMATS: dict[str, Callable[[Comparison], str | RenderableType]] = {"table": _table, "md": markdown, "json": _json}


def _grids(found: Comparison) -> list[Grid]:
    return [
        Grid(workload, _COLUMNS, tuple(map(_words, rows)), _LEFT, _STYLES)
        for workload, rows in groupby(found.rows, key=lambda row: row.workload)
    ]


def _words(row: Row) -> tuple[str, ...]:
    values = format_value(row.base, row.unit), format_value(row.new, row.unit)
    changed = change(row.change, row.low, row.high), between(row.low, row.high)
    return (row.metric, f"{row.boots}", *values, *changed, percent(row.mde), row.outcome)


def _notes(found: Comparison) -> Iterator[str]:
    yield _MEANING[found.outcome].format(margin=percent(found.margin))
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
