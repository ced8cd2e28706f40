"""`vbench probe`: what this machine can do, how sure we are, and the fix beside what is missing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbench.cli.common import out, print_json
from vbench.cli.targets import ConfigFile
from vbench.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from vbench.model import Fact
    from vbench.probes import Layer, Snapshot


def probe(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (vbench.facts/1).")] = False,
    sysroot: Annotated[Path | None, typer.Option(help="Probe a recorded machine: a folder or a tar of one.")] = None,
    save: Annotated[Path | None, typer.Option(help="Record the machine in a folder or a .tar.gz, masked.")] = None,
    target: Annotated[str | None, typer.Option(help="Probe inside a target, such as podman or kvm/kvm.")] = None,
    prove: Annotated[bool, typer.Option("--prove", help="Boot a guest and a nested guest, and see.")] = False,
    config: ConfigFile = None,
    every: Annotated[bool, typer.Option("--all", help="Print every fact, not only those that matter most.")] = False,
) -> None:
    """Tell what this machine can do: run guests, give devices away, measure without disturbance."""
    from vbench.store import snapshot as store

    if sum((sysroot is not None, target is not None, prove)) > 1:
        raise InputError("Only one of --sysroot, --target and --prove can be had at once.", "Choose one.")
    recorded = store.load(sysroot) if sysroot else None
    snapshot = recorded or (_by_booting(target, config) if target or prove else _live())
    if save:
        store.save(snapshot, save)
    show(snapshot, as_json=as_json, every=every)


def _by_booting(target: str | None, config: Path | None) -> "Snapshot":
    """Return the snapshot of the inside of a target, or of this host with what boots have proven."""
    from vbench import config as configuration
    from vbench.run import probing
    from vbench.targets.catalogue import Catalogue

    catalogue = Catalogue({name: way.argv for name, way in configuration.read(config).target.items()})
    return probing.of_target(target, catalogue) if target else probing.proven(catalogue)


def show(snapshot: "Snapshot", *, as_json: bool, every: bool) -> None:
    """Print the facts of a snapshot, wherever it came from."""
    from vbench.probes import facts, stack

    found, storeys = facts(snapshot), stack(snapshot)
    if as_json:
        print_json(_document(found, storeys))
    else:
        _print(found, storeys, every=every)


def _live() -> "Snapshot":
    from vbench.agent import collect
    from vbench.store.snapshot import of_agent

    collected: dict[str, Any] = collect.snapshot({})
    collected["json"]["kvm"].update(_booted())
    return of_agent(collected)


def _booted() -> dict[str, bool]:
    """Return what a boot under KVM showed, where `vbench` has tried one since this machine started."""
    from vbench.targets import accelerator

    booted = accelerator.known().booted
    return {} if booted is None else {"booted": booted}


def _document(found: "list[Fact]", storeys: "list[Layer]") -> dict[str, Any]:
    facts = [
        {"key": one.key, "value": one.value, "unit": one.unit, "level": one.level, "source": one.source, "fix": one.fix}
        for one in found
    ]
    stack = [{"kind": one.kind, "name": one.name, "evidence": list(one.evidence)} for one in storeys]
    return {"schema": "vbench.facts/1", "facts": facts, "stack": stack}


def _print(found: "list[Fact]", storeys: "list[Layer]", *, every: bool) -> None:
    from rich.text import Text

    from vbench.probes import GROUPS
    from vbench.reports.probed import SHORT

    console = out()
    path = " > ".join(f"{storey.name} ({storey.kind})" for storey in storeys)
    console.print(Text(f"Around this process, outermost first: {path or 'nothing that shows'}"))
    named = {fact.key: fact for fact in found}
    groups = [(title, [named[key] for key in keys.split() if key in named]) for title, keys in SHORT]
    if every:
        groups = [(group.title, [fact for fact in found if group.holds(fact.key)]) for group in GROUPS]
    for title, facts in groups:
        if facts:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(_table(facts))
    if not every:
        console.print(Text(f"\n{len(found)} facts in all: vbench probe --all, or --json."))


def _table(facts: "list[Fact]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from vbench.reports.probed import in_words

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(min_width=26, no_wrap=True)
    table.add_column(max_width=22, overflow="fold")
    table.add_column(overflow="fold")
    above = ""
    for fact in facts:
        note = Text("the same" if fact.source == above else fact.source, style="dim")
        note.append(f"\n-> {fact.fix}" if fact.fix else "", style="not dim")
        table.add_row(Text(fact.key), Text(in_words(fact)), note)
        above = fact.source
    return table
