"""`vbench targets`: what can be run here, and for the rest why not and the fix; all of those that are named."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbench.cli.common import err, out, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vbench.config import Config
    from vbench.targets.catalogue import Catalogue, Target

Row = dict[str, Any]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings and targets of your own (./vbench.toml).")]


def targets(
    name: Annotated[list[str] | None, typer.Argument(help="A target or a path such as kvm/bwrap, to explain.")] = None,
    show_command: Annotated[bool, typer.Option("--show-command", help="Show the command line of every hop.")] = False,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the targets: which can be run here, and what the others lack; or explain those that are named."""
    from vbench import config as configuration
    from vbench.reports.ways_in import explained, row
    from vbench.targets.catalogue import Catalogue

    own = configuration.read(config)
    catalogue = Catalogue({name: way.argv for name, way in own.target.items()})
    chosen = [catalogue.target(one) for one in name or catalogue.names()]
    rows = [row(target, catalogue) for target in chosen]
    if show_command:
        rows = [one | found for one, found in zip(rows, _commands(chosen, catalogue, own), strict=True)]
    refused = list(catalogue.plugins.refused.values())
    if as_json:
        print_json({"schema": "vbench.targets/1", "targets": rows, "warnings": refused})
        return
    if name or show_command:
        print("\n".join(map(explained, rows)), end="")
    else:
        _print(rows)
    for sentence in refused:
        err().print(f"Warning: {sentence}", markup=False, soft_wrap=True)


def _commands(chosen: "Sequence[Target]", catalogue: "Catalogue", own: "Config") -> list[Row]:
    """Return what would be run for each target with the settings that a run would have."""
    from vbench.cli.run import settings_of
    from vbench.ledger import Ledger
    from vbench.reports.ways_in import commanded
    from vbench.run.showing import show

    settings = settings_of(own.settings, None, None, "auto", restored=False)
    with Ledger() as ledger:
        return [commanded(shown) for shown in show(chosen, catalogue, settings, ledger)]


def _print(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("target", "runs here", "accelerator", "labels", "why not, and the fix", box=None)
    for row in rows:
        why = "; ".join(f"{lack['what']} is missing: {lack['fix']}" for lack in row["missing"])
        note = Text(why or (row["accelerator_reason"] or ""))
        runs, labels = "yes" if row["runnable"] else "no", ", ".join(row["labels"])
        table.add_row(Text(row["name"]), runs, row["accelerator"] or "", labels, note)
    out().print(table)
