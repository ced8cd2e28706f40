"""`vbench workloads`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.common import out, print_json
from vbench.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from vbench.workloads import Workload

WIDTH = 80
_PADDING = 6  # a blank on both sides of three columns
Folders = Annotated[list[Path] | None, typer.Option("--workload-dir", help="A folder with workloads of your own.")]


def workloads(
    word: Annotated[list[str] | None, typer.Argument(help="Words that name, tags or summary must hold.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only those with this tag.")] = None,
    explain: Annotated[str | None, typer.Option(help="Show all of one.", metavar="NAME")] = None,
    workload_dir: Folders = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the workloads, search them, or explain one."""
    from vbench import config
    from vbench.workloads import as_json as document
    from vbench.workloads import search, select

    known = config.workloads(workload_dir or ())
    if explain is not None:
        _explain(known, explain)
        return
    found = search(select(known, tags=tag or ()), word or ())
    if as_json:
        print_json(document(found))
        return
    for table in _families(found):
        out().print(table)
    print(f"{len(found)} of {len(known)} workloads. All of one: vbench workloads --explain {found[0].name}")


def _explain(known: "Sequence[Workload]", name: str) -> None:
    from vbench.reports.catalogue import explained

    workload = next((one for one in known if one.name == name), None)
    if workload is None:
        raise unknown("workload", name, (one.name for one in known))
    print(explained(workload), end="")


def _families(found: "Sequence[Workload]") -> "list[Table]":
    """Return a table for each family, all with columns of one width."""
    from itertools import groupby

    from rich.markup import escape
    from rich.table import Table

    names = max(len(one.name) for one in found)
    tags = max(len(tag) for one in found for tag in (*one.tags, "tags"))
    tables = []
    for family, members in groupby(found, lambda one: one.family):
        table = Table("workload", "what", "tags", box=None, title=escape(family), title_justify="left")
        for column, width in zip(table.columns, (names, WIDTH - names - tags - _PADDING, tags), strict=True):
            column.width = width
        for one in members:
            table.add_row(one.name, escape(one.summary), escape(" ".join(one.tags)))
        tables.append(table)
    return tables
