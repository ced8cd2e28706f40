"""The table as JSON, in the form of DESIGN.md's "vbench.table/1": full precision, null for what is missing."""

import json
from dataclasses import asdict
from typing import Any

from vbench.reports.table import SCHEMA, Table

__all__ = ["SCHEMA", "as_json", "document", "origin"]


def document(table: Table) -> dict[str, Any]:
    """Return what the JSON says, as plain lists, dicts and numbers."""
    asked = {"precision": table.precision.document()} if table.precision else {}
    return {**origin(table), **asked, "rows": [asdict(cell) for cell in table.cells]}


def origin(table: Table) -> dict[str, Any]:
    """Return what it takes to derive the table again: the run, the margin of "similar", and the baseline."""
    return {"schema": table.schema, "run": table.run, "margin": table.margin, "baseline": table.baseline}


def as_json(table: Table) -> str:
    """Return the table as indented JSON that ends with a newline; a number that is not finite raises ValueError."""
    return json.dumps(document(table), indent=2, allow_nan=False) + "\n"
