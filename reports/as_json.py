"""The table as JSON, in the form of DESIGN.md's "vbench.table/1": full precision, null for what is missing."""

import json
from dataclasses import asdict

from vbench.reports.table import Table

SCHEMA = "vbench.table/1"


def as_json(table: Table) -> str:
    """Return the table as indented JSON that ends with a newline; a number that is not finite raises ValueError."""
    rows = [asdict(cell) for cell in table.cells]
    return json.dumps({"schema": SCHEMA, "run": table.run, "rows": rows}, indent=2, allow_nan=False) + "\n"
