"""Bencher Metric Format: benchmark -> measure -> value, with bounds where there is an interval.

Source: https://bencher.dev/docs/reference/bencher-metric-format/. Direction is a matter of Bencher's thresholds: an
upper boundary for a measure of which less is better, which `NAME-cost` always is.
"""

import json
from collections import defaultdict
from collections.abc import Sequence

from vbench.model import Cell
from vbench.reports.clean import printable
from vbench.reports.exports.source import Source, valued
from vbench.reports.table import label


def write(sources: Sequence[Source]) -> str:
    """Return the run as JSON: each metric under its name in its unit, the cost relative to bare as `NAME-cost`."""
    benchmarks: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for cell, value in valued(sources[0].table.cells):
        measures = benchmarks[printable(f"{cell.workload} on {label(cell)}")]
        measures[printable(cell.metric)] = {"value": value}
        if cell.ratio is not None and cell.verdict != "baseline":
            measures[printable(f"{cell.metric}-cost")] = _bounded(cell, cell.ratio)
    return json.dumps(benchmarks, indent=2, allow_nan=False) + "\n" if benchmarks else ""


def _bounded(cell: Cell, ratio: float) -> dict[str, float]:
    bounds = {"lower_value": cell.low, "upper_value": cell.high}
    return {"value": ratio} | {name: bound for name, bound in bounds.items() if bound is not None}
