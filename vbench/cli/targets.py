"""`vbench targets`: what can be run here, and for the rest why not and the fix."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbench.cli.common import out, print_json

if TYPE_CHECKING:
    from vbench.targets.catalogue import Target

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings and targets of your own (./vbench.toml).")]


def targets(
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the targets: which can be run here, and what the others lack."""
    from vbench import config as configuration
    from vbench.targets import accelerator
    from vbench.targets.catalogue import Catalogue

    own = configuration.read(config).target
    catalogue = Catalogue({name: way.argv for name, way in own.items()})
    rows = [_row(catalogue.target(name), accelerator.known()) for name in catalogue.names()]
    if as_json:
        print_json({"schema": "vbench.targets/1", "targets": rows})
    else:
        _print(rows)


def _row(target: "Target", proof: Any) -> dict[str, Any]:
    from dataclasses import asdict

    lacking = target.missing()
    names = [hop.name for hop in target.hops]
    kinds = [proof.accelerator] * names[:1].count("qemu") + ["kvm"] * names[1:].count("qemu")
    labels = (["emulated"] if "tcg" in kinds else []) + (["rootless"] if "podman-rootless" in names else [])
    return {
        "name": target.name,
        "hops": names,
        "runnable": not lacking,
        "accelerator": "/".join(kinds) or None,
        "accelerator_reason": proof.reason if kinds else None,
        "labels": labels,
        "missing": [asdict(lack) for lack in lacking],
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("target", "runs here", "accelerator", "why not, and the fix", box=None)
    for row in rows:
        why = "; ".join(f"{lack['what']} is missing: {lack['fix']}" for lack in row["missing"])
        note = why or (row["accelerator_reason"] or "")
        table.add_row(Text(row["name"]), "yes" if row["runnable"] else "no", row["accelerator"] or "", Text(note))
    out().print(table)
