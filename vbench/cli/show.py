"""`vbench show`."""

from typing import Annotated

import typer

from vbench.cli.common import out

Run = Annotated[str, typer.Argument(help="An id, a unique prefix of one, @latest, @latest~1, or a path.")]
Margin = Annotated[str, typer.Option(help="Up to where a cost still counts as similar.")]


def show(
    run: Run = "@latest",
    form: Annotated[str, typer.Option("--format", help="table, md, csv or json.")] = "table",
    margin: Margin = "3%",
) -> None:
    """Show a run: the cost of every target relative to bare metal."""
    from vbench.reports.of_bundle import table_of
    from vbench.reports.render import render
    from vbench.store import bundle
    from vbench.units import parse_share

    shown = render(table_of(bundle.find(run), margin=parse_share(margin)), form)
    if isinstance(shown, str):
        print(shown, end="" if shown.endswith("\n") else "\n")
    else:
        out().print(shown)
