"""`vbench workloads`."""

from pathlib import Path
from typing import Annotated

import typer

from vbench.cli.common import out, print_json

Folders = Annotated[list[Path] | None, typer.Option("--workload-dir", help="A folder with workloads of your own.")]


def workloads(
    workload_dir: Folders = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the workloads and what each measures."""
    from rich.table import Table

    from vbench import config
    from vbench.workloads import as_json as document

    known = config.workloads(workload_dir or ())
    if as_json:
        print_json(document(known))
        return
    table = Table("workload", "metrics", "tags", "summary", box=None)
    for workload in known:
        metrics = " ".join(metric.name for metric in workload.metrics)
        table.add_row(workload.name, metrics, " ".join(workload.tags), workload.summary)
    out().print(table)
