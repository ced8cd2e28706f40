"""`vbench report`."""

from pathlib import Path
from typing import Annotated

import typer

from vbench.cli.show import Margin


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN ...]", help="Ids, unique prefixes, @latest (which is the default), or paths."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("report"),
    margin: Margin = "3%",
) -> None:
    """Write a run as a page for a browser, with its tables, figures and raw outputs beside it; no network is needed."""
    from vbench.reports import write
    from vbench.store import bundle
    from vbench.units import parse_share

    found = [bundle.find(name) for name in runs or ["@latest"]]
    print(write.write_all(found, output, margin=parse_share(margin)))
