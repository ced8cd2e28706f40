"""Start-up time against the memory of an idle instance."""

from typing import Any

import altair as alt

from vbench.reports.clean import printable
from vbench.reports.figures.frame import EMULATED, REAL, TEXT, WIDTH, Spec, config
from vbench.reports.table import Table, is_emulated, label

START, MEMORY = "start", "idle_memory"


def starts(table: Table) -> Spec | None:
    """Return one point per target that has both; hollow where it was emulated."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in table.cells:
        if cell.metric in {START, MEMORY} and cell.value and cell.target != table.control:
            kind = EMULATED if is_emulated(cell) else REAL
            row = {"workload": printable(cell.workload), "target": printable(label(cell)), "kind": kind}
            found.setdefault((cell.workload, cell.target), row)[cell.metric] = cell.value
    rows = [row for row in found.values() if START in row and MEMORY in row]
    if not rows:
        return None
    log = alt.Scale(type="log")
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(f"{START}:Q", scale=log, title="exec to the first word (s)", axis=alt.Axis(format="~s")),
        y=alt.Y(f"{MEMORY}:Q", scale=log, title="memory of an idle instance (bytes)", axis=alt.Axis(format="~s")),
    )
    tips = [alt.Tooltip(f"{key}:N") for key in ("workload", "target", "kind")]
    dots = base.mark_point(size=90, strokeWidth=2).encode(
        fillOpacity=alt.condition(f"datum.kind === '{REAL}'", alt.value(1), alt.value(0)),
        fill=alt.value("#0072B2"),
        tooltip=tips,
    )
    words = base.mark_text(align="left", dx=8, fontSize=TEXT).encode(text="target:N")
    return {**alt.layer(dots, words).properties(width=WIDTH, height=300).to_dict(), "config": config()}
