"""Interval dots: what every workload costs on every target, on a logarithmic axis."""

from typing import Any

import altair as alt

from vbench.reports.figures.frame import INK, REAL, WIDTH, Spec, colors, compared, config, in_order, rows_of, shapes
from vbench.reports.table import Table

STEP = 13  # px for one target in one workload's band
TIPS = ("workload", "metric", "target", "kind", "cost", "interval", "verdict")


def overhead(table: Table) -> Spec | None:
    """Return a dot with its interval per workload and target, hollow where the target was emulated."""
    return dots(rows_of(compared(table)), f"cost relative to {table.baseline} (log scale; right is slower)")


def control(table: Table) -> Spec | None:
    """Return the same for the control, the baseline under a second name: what differs there is noise."""
    cells = [cell for cell in table.cells if cell.target == table.control]
    return dots(rows_of(cells), f"{table.control} relative to {table.baseline}")


def dots(rows: list[dict[str, Any]], title: str) -> Spec | None:
    """Return interval dots of rows that have row, target, kind, ratio, low and high."""
    if not rows:
        return None
    names = in_order(rows, "target")
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("row:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("target:N", sort=names),
        color=alt.Color("target:N", title="target", scale=colors(names)),
    )
    ends = [min(row["low"] for row in rows) / 1.05, max(row["high"] for row in rows) * 1.05]
    scale = alt.Scale(type="log", nice=False, domain=[min(ends[0], 0.95), max(ends[1], 1.05)])
    axis = alt.X("low:Q", title=title, scale=scale)
    interval = base.mark_rule(strokeWidth=2).encode(x=axis, x2="high:Q")
    dot = base.mark_point(size=60, strokeWidth=2, opacity=1).encode(
        x="ratio:Q",
        shape=alt.Shape("target:N", title="target", scale=shapes(names)),
        fill=alt.when(alt.datum.kind == REAL)
        .then(alt.Fill("target:N", scale=colors(names), legend=None))
        .otherwise(alt.value("transparent")),
        tooltip=[alt.Tooltip(f"{key}:N") for key in TIPS],
    )
    one = alt.Chart(alt.InlineData(values=[{"one": 1}])).mark_rule(strokeDash=[4, 3], color=INK).encode(x="one:Q")
    chart = alt.layer(one, interval, dot).properties(width=WIDTH, height=alt.Step(STEP, **{"for": "offset"}))
    return {**chart.to_dict(), "config": config()}
