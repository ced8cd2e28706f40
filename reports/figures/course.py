"""A cost over the runs of one machine, with the levels between its changes and what the next run should bring."""

from datetime import UTC, datetime
from typing import Any

import altair as alt

from vbench.reports.clean import printable
from vbench.reports.figures.frame import COLORS, INK, WIDTH, Spec, config
from vbench.reports.history import Point, Series


def course(series: Series) -> Spec:
    """Return the specification: a dot a run, a dashed rule at each change of level, a band for the next run."""
    rows = [_row(number, point) for number, point in enumerate(series.points)]
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=alt.X("run:N", sort=None, title="run", axis=_labels()))
    line = base.mark_line(point={"filled": True, "size": 60}, color=COLORS[0], strokeWidth=2).encode(
        y=alt.Y("ratio:Q", title="cost relative to the baseline", scale=alt.Scale(zero=False)),
        tooltip=[alt.Tooltip(f"{key}:N") for key in ("run", "day", "label", "boots")]
        + [alt.Tooltip("ratio:Q", format=".4g")],
    )
    layers: list[Any] = [line]
    changes = [{"run": printable(step.run)} for step in series.steps]
    if changes:
        marked = alt.Chart(alt.InlineData(values=changes)).mark_rule(strokeDash=[4, 3], strokeWidth=2, color=COLORS[1])
        layers.insert(0, marked.encode(x=alt.X("run:N", sort=None)))
    if series.predicted:
        ends = [{"low": series.predicted[0], "high": series.predicted[1]}]
        band = alt.Chart(alt.InlineData(values=ends)).mark_rect(opacity=0.12, color=INK).encode(y="low:Q", y2="high:Q")
        layers.insert(0, band)
    return {**alt.layer(*layers).properties(width=WIDTH, height=220).to_dict(), "config": config()}


def _row(number: int, point: Point) -> dict[str, Any]:
    day = f"{datetime.fromtimestamp(point.created, UTC):%Y-%m-%d}"
    label = printable(", ".join(f"{key}: {value}" for key, value in point.label.items()))
    about = {"number": number, "day": day, "label": label, "boots": point.boots}
    return {"run": printable(point.run), "ratio": point.ratio, **about}


def _labels() -> alt.Axis:
    return alt.Axis(labelAngle=-40, labelOverlap=True)
