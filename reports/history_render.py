"""A history as a page: a table, Markdown or JSON."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from math import log

from vbench.reports.grid import Grid, Page
from vbench.reports.history import History, Series, Step
from vbench.reports.numbers import NONE, between, rough

SCHEMA = "vbench.history/1"
_COLUMNS = ("target", "metric", "runs", "course", "newest", "level", "predicted", "the newest is")
_LEFT = frozenset({"target", "metric", "course", "the newest is"})
_STYLES = {"above": "red", "below": "green"}
_BARS = "▁▂▃▄▅▆▇█"
_SHOWN = 16  # runs whose course is drawn
_NAMED = 5  # runs that a line names


def page(found: History) -> Page:
    """Return the history as what is printed of it."""
    document = {"schema": SCHEMA, **asdict(found)}
    return Page(f"History of {found.workload}", (_grid(found),), tuple(_notes(found)), document)


def _grid(found: History) -> Grid:
    return Grid(found.workload, _COLUMNS, tuple(map(_words, found.series)), _LEFT, _STYLES)


def _words(series: Series) -> tuple[str, ...]:
    ratios = [point.ratio for point in series.points]
    predicted = NONE if series.predicted is None else between(*series.predicted)
    numbers = rough(ratios[-1]), rough(series.level)
    return (series.target, series.metric, f"{len(ratios)}", _course(ratios), *numbers, predicted, series.newest)


def _course(ratios: list[float]) -> str:
    """Draw the last sessions, in logs, between the lowest and the highest of them."""
    logs = [log(ratio) for ratio in ratios[-_SHOWN:]]
    low, span = min(logs), max(logs) - min(logs)
    return "".join(_BARS[round((one - low) / span * (len(_BARS) - 1)) if span else 0] for one in logs)


def _notes(found: History) -> Iterator[str]:
    facts = ", ".join(f"{name} {value}" for name, value in found.machine.items())
    yield f"Machine {found.fingerprint}: {facts}."
    yield (
        "Newest, level (since the last change) and predicted (95 %, for the next run) are costs relative to bare. "
        "A prediction takes ten runs since the last change."
    )
    for series in found.series:
        for step in series.steps:
            yield _step(series, step)
        if series.drift:
            yield f"{series.metric} on {series.target}: a steady drift tells this better than its steps."
    for left in found.left_out:
        more = f" and {len(left.runs) - _NAMED} more" if len(left.runs) > _NAMED else ""
        yield f"Left out: {', '.join(left.runs[-_NAMED:])}{more}: {left.reason.removesuffix('.')}."


def _step(series: Series, step: Step) -> str:
    when = next(point.created for point in series.points if point.run == step.run)
    day = time.strftime("%Y-%m-%d", time.gmtime(when))
    with_it = "; ".join(f"{one.name} went from '{one.base}' to '{one.new}'" for one in step.along)
    since = f"from {step.run} ({day}) on, {with_it or 'with no change of kernel, image or settings that is known'}"
    return f"{series.metric} on {series.target}: {rough(step.before)} became {rough(step.after)}, {since}."
