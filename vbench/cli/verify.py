"""`vbench verify`."""

from pathlib import Path
from typing import Annotated

import typer

from vbench.cli.common import print_json


def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE", help="A run, its archive, or what `vbench show`, report, compare or ab wrote of one."
        ),
    ] = "@latest",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Derive every number of a run, or of a saved table of one, again from raw outputs: exit 0 verified, 1 if not."""
    from vbench.reports import archive, saved
    from vbench.reports import verify as runs
    from vbench.store.bundle import find

    report: saved.Report | runs.Report
    if Path(what).is_file():
        found = archive.check(Path(what)) if archive.is_archive(Path(what)) else saved.check(Path(what))
        report, document = found, saved.as_document(found)
    else:
        report = runs.check(find(what))
        document = runs.as_document(report)
    if as_json:
        print_json(document)
    else:
        for finding in report.findings:
            print(finding)
        print(report.conclusion)
    raise typer.Exit(0 if report.verified else 1)
