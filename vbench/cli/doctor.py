"""`vbench doctor`: how quiet this machine is, what would make it quieter, and the knobs turned and turned back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbench.cli.common import err, out, print_json
from vbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from vbench.run.quiet.finding import Finding
    from vbench.run.quiet.noise import Noise

STYLES = {"severe": "bold red", "disturbs": "red", "note": "yellow", "unknown": "magenta", "fine": "green"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (vbench.doctor/1).")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only look: leave out the A/A of half a minute.")] = False,
    tune: Annotated[bool, typer.Option("--tune", help="Turn the reversible knobs to quiet; --undo restores.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put back what --tune changed, also after a crash.")] = False,
) -> None:
    """Tell how quiet this machine is, and what would make it quieter; measure the noise that a run would see."""
    if tune + undo + quick > 1:
        raise InputError("--tune, --undo and --quick exclude each other.", "Give one of them.")
    if tune or undo:
        _turn(undo=undo, as_json=as_json)
        return
    from vbench.run.quiet.examine import examine
    from vbench.run.quiet.finding import ordered
    from vbench.run.quiet.tune import tuning

    found = [*examine(), tuning()]
    noises = [] if quick else _measure()
    if noises:
        from vbench.run.quiet.noise import finding

        found += [finding(noise) for noise in noises]
    if as_json:
        print_json(_document(ordered(found), noises))
    else:
        _print(ordered(found), noises)


def _measure() -> "list[Noise]":
    from vbench.run.quiet.noise import measure

    console = err()
    console.print("Running the same jobs twice, interleaved, for about half a minute (--quick leaves this out).")
    return measure(console)


def _document(found: "Sequence[Finding]", noises: "Sequence[Noise]") -> dict[str, Any]:
    from collections import Counter
    from dataclasses import asdict

    return {
        "schema": "vbench.doctor/1",
        "severities": dict(Counter(one.severity for one in found)),
        "findings": [asdict(one) for one in found],
        "noise": [asdict(noise) for noise in noises],
    }


def _print(found: "Sequence[Finding]", noises: "Sequence[Noise]") -> None:
    from rich.text import Text

    from vbench.run.quiet.finding import SEVERITIES

    console = out()
    groups = {severity: [one for one in found if one.severity == severity] for severity in SEVERITIES}
    console.print(Text(", ".join(f"{len(those)} {severity}" for severity, those in groups.items() if those)))
    for severity in SEVERITIES[:-2]:
        if groups[severity]:
            console.print(Text(f"\n{severity}", style=STYLES[severity]))
            console.print(_table(groups[severity]))
    for severity in SEVERITIES[-2:]:
        if groups[severity]:
            names = ", ".join(f"{one.what} ({one.fix})" if one.fix else one.what for one in groups[severity])
            console.print(Text(f"\n{severity}: ", style=STYLES[severity]).append(names, style="default"))
    if noises:
        console.print(Text("\nA/A: the same job on bare and bare2, interleaved", style="bold"))
        console.print(_noise_table(noises))
    if any(one.tunable for one in found):
        console.print(Text("\n`vbench doctor --tune` does what is marked *, and `--undo` takes it back."))


def _table(found: "Sequence[Finding]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(min_width=22, no_wrap=True)
    table.add_column(max_width=14, overflow="fold")
    table.add_column(overflow="fold")
    for one in found:
        note = Text(one.why)
        if one.fix:
            lasting = "" if one.reversible is not False else " (needs a reboot, there and back)"
            note.append(f"\n-> {one.fix}{lasting}", style="bold")
        table.add_row(Text(f"{one.what}{' *' if one.tunable else ''}"), Text(_value(one)), note)
    return table


def _value(one: "Finding") -> str:
    from vbench.units import format_value

    if isinstance(one.value, str):
        return one.value
    if one.unit == "1" and isinstance(one.value, float) and one.value <= 1:
        return f"{100 * one.value:.1f} %"
    return f"{one.value}" if one.unit in ("1", None) else format_value(one.value, one.unit or "")


def _noise_table(noises: "Sequence[Noise]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    boots = sorted({count for noise in noises for count in noise.mde or ()})
    effects = f"smallest effect that\n{', '.join(map(str, boots))} boots find"
    table = Table("job", "bare2 / bare", "spread of a pair", effects, box=None, pad_edge=False)
    for noise in noises:
        if noise.mde is None:
            table.add_row(noise.workload, "-", "-", Text(f"not measured: {noise.failure}"))
            continue
        ratio = f"{noise.ratio:.3f} [{noise.low:.3f}, {noise.high:.3f}]"
        spread = f"{_percent(noise.spread)} % [{_percent(noise.spread_low)}, {_percent(noise.spread_high)}]"
        found = ", ".join(_percent(noise.mde.get(count)) for count in boots)
        table.add_row(noise.workload, ratio, spread, f"{found} %")
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _turn(*, undo: bool, as_json: bool) -> None:
    """Turn the knobs, or turn them back, and say what became of each."""
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from vbench.run.quiet import tune
    from vbench.run.quiet.journal import Journal

    journal = Journal()
    turns = tune.undo(journal) if undo else tune.tune(journal)
    if as_json:
        document = {"schema": "vbench.turns/1", "journal": str(journal.path), "turns": [asdict(turn) for turn in turns]}
        print_json(document)
        return
    console = out()
    if not turns:
        console.print("There is nothing to undo." if undo else "This machine has none of the knobs.")
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for turn in turns:
        change = f"{turn.before} -> {turn.now}" if turn.before != turn.now else f"{turn.now}"
        note = f"{turn.path}{f': {turn.note}' if turn.note else ''}"
        table.add_row(Text(turn.state), Text(change), Text(note, overflow="fold"))
    console.print(table)
    if not undo and any(turn.state == "tuned" for turn in turns):
        console.print(Text(f"\n`vbench doctor --undo` puts it back; what was before is in {journal.path}."))
