"""A heat map of what every workload costs on every target, with the number in each field."""

import altair as alt

from vbench.reports.figures.frame import TEXT, Spec, compared, config, in_order, rows_of
from vbench.reports.figures.overhead import TIPS
from vbench.reports.table import Table

FIELD = 62  # px, the width of one field
HEIGHT = 22
BLACK = "#000000"  # on the fields, which are as light in the dark
# From white to a blue that is still told from black: one hue, ordered by lightness, so that it survives grey printing.
HUES = ("#f7fbff", "#9ecae1", "#3182bd")


def heat(table: Table) -> Spec | None:
    """Return the specification: a field per workload and target, darker the more it costs."""
    rows = rows_of(compared(table))
    if not rows:
        return None
    most = max(row["ratio"] for row in rows)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("target:N", sort=in_order(rows, "target"), title=None, axis=alt.Axis(orient="top", labelAngle=-35)),
        y=alt.Y("row:N", sort=None, title=None),
    )
    scale = alt.Scale(type="log", domain=[1, max(most, 2)], range=list(HUES), clamp=True)
    field = base.mark_rect(stroke="#ffffff").encode(
        color=alt.Color("ratio:Q", scale=scale, title=f"cost relative to {table.baseline}"),
        tooltip=[alt.Tooltip(f"{key}:N") for key in TIPS],
    )
    words = base.mark_text(fontSize=TEXT, color=BLACK).encode(text="cost:N")
    chart = alt.layer(field, words).properties(width=alt.Step(FIELD), height=alt.Step(HEIGHT))
    return {**chart.to_dict(), "config": config()}
