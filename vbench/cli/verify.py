"""`vbench verify`."""

from typing import Annotated

import typer

from vbench.cli.common import print_json
from vbench.cli.show import Run


def verify(
    run: Run = "@latest",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Derive every number of a run again from its raw outputs, and find a changed byte: exit 0 verified, 1 if not."""
    from vbench.reports.verify import as_document, check
    from vbench.store.bundle import find

    report = check(find(run))
    if as_json:
        print_json(as_document(report))
    else:
        for finding in report.findings:
            print(finding)
        print(report.conclusion)
    raise typer.Exit(0 if report.verified else 1)
