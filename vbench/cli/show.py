"""`vbench show`."""

from typing import Annotated

import typer

from vbench.cli.common import put

Run = Annotated[str, typer.Argument(help="An id, a unique prefix of one, @latest, @latest~1, or a path.")]
Margin = Annotated[str, typer.Option(help="Up to where a cost still counts as similar.")]


def show(
    run: Run = "@latest",
    form: Annotated[str, typer.Option("--format", help="table, md, csv, json or latex.")] = "table",
    margin: Margin = "3%",
    cost: Annotated[bool, typer.Option("--cost", help="What it cost the host: CPU time and energy.")] = False,
    baseline: Annotated[str | None, typer.Option(help="Relative to another target of the run, or none.")] = None,
    why: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="WORKLOAD TARGET", help="What explains the cost of one workload on one target."),
    ] = None,
) -> None:
    """Show a run: the cost of every target relative to the baseline, which is bare metal unless told otherwise."""
    from vbench.reports.of_bundle import table_of
    from vbench.reports.render import render
    from vbench.store import bundle
    from vbench.units import parse_share

    found, share = bundle.find(run), parse_share(margin)
    if why:
        from vbench.reports import grid, why_render
        from vbench.reports.why import explain

        put(grid.render(why_render.page(explain(found, *why, baseline)), form))
    elif cost:
        from vbench.reports.costs import costs_of

        put(render(costs_of(found, margin=share, baseline=baseline), form))
    else:
        put(render(table_of(found, margin=share, baseline=baseline), form))
