"""The table as JSON, in the form of DESIGN.md's "vbench.table/1": full precision, null for what is missing."""

import json
from dataclasses import asdict
from typing import Any

from vbench.reports.table import Table

SCHEMA = "vbench.table/1"


def document(table: Table) -> dict[str, Any]:
    """Return what the JSON says, as plain lists, dicts and numbers."""
    return {"schema": SCHEMA, "run": table.run, "rows": [asdict(cell) for cell in table.cells]}


def as_json(table: Table) -> str:
    """Return the table as indented JSON that ends with a newline; a number that is not finite raises ValueError."""
    return json.dumps(document(table), indent=2, allow_nan=False) + "\n"
