"""github-action-benchmark's customSmallerIsBetter: a list of entries, each a cost.

Source: https://github.com/benchmark-action/github-action-benchmark, "customSmallerIsBetter".
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from vbench.model import Cell
from vbench.reports.clean import printable
from vbench.reports.exports.source import Source, cost, title, valued


def write(sources: Sequence[Source]) -> str:
    """Return the run as JSON: for each cell its cost, and where it was compared its cost relative to bare."""
    entries = [entry for cell, value in valued(sources[0].table.cells) for entry in _entries(cell, value)]
    return json.dumps(entries, indent=2, allow_nan=False) + "\n" if entries else ""


def _entries(cell: Cell, value: float) -> Iterator[dict[str, Any]]:
    name = printable(title(cell))
    own, unit = cost(cell, value)
    yield {"name": name, "unit": unit, "value": own, "extra": printable(_extra(cell))}
    if cell.ratio is not None and cell.verdict != "baseline":
        entry = {"name": f"{name}, relative to bare", "unit": "ratio", "value": cell.ratio}
        if cell.low is not None and cell.high is not None:
            entry["range"] = f"{cell.low:.6g} to {cell.high:.6g}"
        yield entry | {"extra": printable(_extra(cell))}


def _extra(cell: Cell) -> str:
    return "; ".join((f"{cell.verdict}, boots: {cell.boots}", *cell.warnings))
