"""Interval dots: what every workload costs on every target, on a logarithmic axis."""

from collections.abc import Sequence
from typing import Any

from vbench.model import Cell
from vbench.reports.figures.frame import COLORS, INK, REAL, SHAPES, WIDTH, Spec, config, in_order, rows_of

STEP = 13  # px for one target in one workload's band


def overhead(cells: Sequence[Cell]) -> Spec | None:
    """Return the specification: a dot with its interval per target, hollow where the target was emulated."""
    return dots(rows_of(cells), "cost relative to bare metal (log scale; right is slower)")


def control(cells: Sequence[Cell]) -> Spec | None:
    """Return the same for bare2, which is bare under a second name: what differs there is noise."""
    rows = [row for row in rows_of(cells, controls=True) if row["target"] == "bare2"]
    return dots(rows, "bare2 relative to bare (log scale)")


def dots(rows: list[dict[str, Any]], title: str) -> Spec | None:
    """Return interval dots of rows that have row, target, kind, ratio, low and high."""
    import altair as alt

    if not rows:
        return None
    names = in_order(rows, "target")
    every = len(names)
    look = {
        "color": alt.Color(
            "target:N",
            title="target",
            scale=alt.Scale(domain=names, range=[COLORS[n % len(COLORS)] for n in range(every)]),
        ),
        "yOffset": alt.YOffset("target:N", sort=names),
    }
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("row:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.25)), **look
    )
    axis = alt.X("low:Q", title=title, scale=alt.Scale(type="log", nice=True))
    interval = base.mark_rule(strokeWidth=2).encode(x=axis, x2="high:Q")
    dot = base.mark_point(size=60, strokeWidth=2).encode(
        x="ratio:Q",
        shape=alt.Shape(
            "target:N",
            title="target",
            scale=alt.Scale(domain=names, range=[SHAPES[n % len(SHAPES)] for n in range(every)]),
        ),
        fill=alt.condition(f"datum.kind === '{REAL}'", alt.Color("target:N", legend=None), alt.value("transparent")),
        tooltip=[
            alt.Tooltip(f"{key}:N") for key in ("workload", "metric", "target", "kind", "cost", "interval", "verdict")
        ],
    )
    one = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(strokeDash=[4, 3], color=INK).encode(x="one:Q")
    chart = alt.layer(one, interval, dot).properties(width=WIDTH, height=alt.Step(STEP, **{"for": "offset"}))
    return {**chart.to_dict(), "config": config()}
