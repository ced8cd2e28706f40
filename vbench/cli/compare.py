"""`vbench compare`."""

from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.common import conclude, indexed
from vbench.cli.show import Margin

if TYPE_CHECKING:
    from vbench.reports.compare import Run
    from vbench.store.bundle import Bundle

Allow = Annotated[
    list[str] | None, typer.Option("--allow", help="Compare although this differs, such as kernel.release; a glob.")
]


def compare(
    base: Annotated[str, typer.Argument(help="The run to compare with: an id, @latest~1, or a path.")],
    new: Annotated[str, typer.Argument(help="The run to judge.")] = "@latest",
    margin: Margin = "3%",
    allow: Allow = None,
    form: Annotated[str, typer.Option("--format", help="table, md or json.")] = "table",
) -> None:
    """Say whether a run is no worse than another: exit 0 if so, 1 regressed, 3 inconclusive, 4 nothing to compare."""
    from vbench.reports import grid
    from vbench.reports.compare import compare as judge
    from vbench.reports.compare_render import page
    from vbench.store.bundle import find
    from vbench.units import parse_share

    grid.known(form)
    first, second = _runs(find(base), find(new))
    found = judge(first, second, margin=parse_share(margin), allowed=allow or ())
    conclude(page(found), form, found.exit_code)


def _runs(*bundles: "Bundle") -> "list[Run]":
    from vbench.reports.compare import Run
    from vbench.store.index import Index

    def ask(index: Index) -> list[Run]:
        return [Run(index.session(f), tuple(cell for _, cell in index.cells(folder=f))) for f in folders]

    folders = [bundle.folder for bundle in bundles]
    return indexed(folders, ask)
