"""The table as CSV: the keys of the JSON as columns, an empty field for what is missing.

Every line names its run, the margin and the baseline, so that lines of several runs can stand in one file.
"""

import csv
import io
from dataclasses import asdict, fields
from typing import Any

from vbench.model import Cell
from vbench.reports.clean import spreadsheet
from vbench.reports.table import Table

COLUMNS = ("run", "margin", *(one.name for one in fields(Cell)), "baseline")


def as_csv(table: Table) -> str:
    """Return a header and one line a cell; lists are joined by semicolons, formulas are defused."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    common = {"run": spreadsheet(table.run), "margin": table.margin, "baseline": field(table.baseline)}
    writer.writerows(common | {key: field(value) for key, value in asdict(cell).items()} for cell in table.cells)
    return out.getvalue()


def field(value: Any) -> Any:
    """Return what stands in a field: truths in small letters, lists joined, formulas defused."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return spreadsheet(value)
        case tuple():
            return spreadsheet("; ".join(_item(item) for item in value))
        case _:
            return value


def _item(item: Any) -> str:
    if isinstance(item, dict):
        return f"{item['fact']}: {item['bare']} / {item['target']}"
    return str(item)
