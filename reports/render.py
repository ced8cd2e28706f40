"""The formats of `vbench show` by name."""

from collections.abc import Callable

from rich.console import RenderableType

from vbench.errors import unknown
from vbench.reports.as_csv import as_csv
from vbench.reports.as_json import as_json
from vbench.reports.as_latex import as_latex
from vbench.reports.as_markdown import as_markdown
from vbench.reports.as_terminal import terminal
from vbench.reports.table import Table

FORMATS: dict[str, Callable[[Table], str | RenderableType]] = {
    "table": terminal,
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": as_latex,
}


def render(table: Table, form: str) -> str | RenderableType:
    """Return the table in a format of `FORMATS`: text, or for `table` what a rich console prints."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return FORMATS[form](table)
