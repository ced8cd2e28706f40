"""Curves of absolute values: latency over the working set, and the percentiles of a latency."""

import re
from typing import Any

import altair as alt

from vbench.model import Cell
from vbench.reports.clean import printable
from vbench.reports.figures.frame import EMULATED, REAL, WIDTH, Spec, colors, config, in_order, shapes
from vbench.reports.table import Table, is_emulated, label

_SIZE = re.compile(r"latency_(\d+)([kmg])")
_UNIT = {"k": 2**10, "m": 2**20, "g": 2**30}
_PERCENTILES = {"latency_p50": "50", "latency_p99": "99", "latency_p999": "99.9"}


def working_set(table: Table) -> Spec | None:
    """Return latency over the size of the memory, one line a target and a panel a workload."""
    rows = []
    for cell in table.cells:
        size = _SIZE.fullmatch(cell.metric)
        if size and cell.value and cell.target != table.control:
            rows.append({**_row(cell), "x": int(size[1]) * _UNIT[size[2]]})
    axis = alt.Axis(format="~s")
    return _panels(rows, alt.X("x:Q", title="working set (bytes)", scale=alt.Scale(type="log", base=2), axis=axis))


def percentiles(table: Table) -> Spec | None:
    """Return the percentiles of every latency that has more than one of them."""
    rows = [
        {**_row(cell), "x": _PERCENTILES[cell.metric]}
        for cell in table.cells
        if cell.metric in _PERCENTILES and cell.value and cell.target != table.control
    ]
    several = {row["workload"] for row in rows if row["x"] != "50"}
    x = alt.X("x:O", title="percentile", sort=None, axis=alt.Axis(labelAngle=0))
    return _panels([row for row in rows if row["workload"] in several], x)


def _row(cell: Cell) -> dict[str, Any]:
    kind = EMULATED if is_emulated(cell) else REAL
    return {"workload": printable(cell.workload), "target": printable(label(cell)), "kind": kind, "y": cell.value}


def _panels(rows: list[dict[str, Any]], x: alt.X) -> Spec | None:
    if not rows:
        return None
    names = in_order(rows, "target")
    dash = alt.Scale(domain=[REAL, EMULATED], range=[[1, 0], [5, 3]])
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(point={"size": 50, "filled": True}, strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("y:Q", title="latency (s)", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")),
            color=alt.Color("target:N", title="target", scale=colors(names)),
            shape=alt.Shape("target:N", title="target", scale=shapes(names)),
            strokeDash=alt.StrokeDash("kind:N", title=None, scale=dash),
            tooltip=[alt.Tooltip("target:N"), alt.Tooltip("x:N"), alt.Tooltip("y:Q", format=".3s")],
        )
        .properties(width=WIDTH // 2, height=200)
        .facet(facet=alt.Facet("workload:N", title=None), columns=2)
    )
    return {**chart.to_dict(), "config": config()}
