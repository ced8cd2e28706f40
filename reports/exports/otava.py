"""CSV for Apache Otava: a row for each run, a column for each cell that every run has.

Source: otava's CsvImporter: a missing number is an error of the whole file there, so a column that one of the runs
lacks is left out. Directions go into Otava's configuration (docs/exports.md).
"""

import csv
import io
from collections.abc import Sequence

from vbench.reports.clean import spreadsheet
from vbench.reports.exports.source import Source, valued
from vbench.reports.table import label


def write(sources: Sequence[Source]) -> str:
    """Return the runs as CSV, the oldest first: time, run, each cell's value and its cost relative to bare."""
    rows = [(source, _row(source)) for source in sorted(sources, key=lambda source: source.created)]
    columns = [name for name in rows[0][1] if all(name in row for _, row in rows)]
    if not columns:
        return ""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", "run", *columns])
    for source, row in rows:
        writer.writerow([source.created.isoformat(), spreadsheet(source.run), *(repr(row[name]) for name in columns)])
    return out.getvalue()


def _row(source: Source) -> dict[str, float]:
    row: dict[str, float] = {}
    for cell, value in valued(source.table.cells):
        name = spreadsheet(f"{cell.workload}.{cell.metric}.{label(cell)}")
        row[name] = value
        if cell.ratio is not None and cell.verdict != "baseline":
            row[f"{name}.cost"] = cell.ratio
    return row
