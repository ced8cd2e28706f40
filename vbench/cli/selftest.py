"""`vbench selftest`: impose known overheads and find them again."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbench.cli.common import err, out, print_json
from vbench.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vbench.run.selftest import Finding, Trial

STYLES = {"found": "green", "missed": "red", "inconclusive": "yellow"}


def selftest(
    profile: Annotated[
        str, typer.Option(help="How many boots: those of smoke, quick, standard or publish.")
    ] = "standard",
    workload: Annotated[list[str] | None, typer.Option(help="Only the overheads on this workload, or a glob.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the order of another self-test.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (vbench.selftest/1).")] = False,
) -> None:
    """Impose known overheads on this machine and find them again: exit 0 all found, 1 one missed, 3 inconclusive."""
    from vbench.run.selftest import TRIALS, exit_code

    found = _run(_chosen(TRIALS, workload), profile, seed)
    if as_json:
        print_json(_document(found))
    else:
        _print(found)
    raise typer.Exit(exit_code(found))


def _chosen(trials: "Sequence[Trial]", globs: list[str] | None) -> "list[Trial]":
    from fnmatch import fnmatchcase

    chosen = [trial for trial in trials if any(fnmatchcase(trial.workload, glob) for glob in globs or ["*"])]
    if not chosen:
        raise unknown("workload with a known overhead", (globs or [""])[0], {trial.workload for trial in trials})
    return chosen


def _run(trials: "list[Trial]", profile: str, seed: int | None) -> "list[Finding]":
    """Run what this machine can impose, one run for each workload, and judge each."""
    from vbench import config
    from vbench.ledger import Ledger
    from vbench.reports.finish import finish
    from vbench.run import selftest as inner
    from vbench.run.execute import new_run
    from vbench.run.plan import PROFILES
    from vbench.targets.catalogue import Catalogue

    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    catalogue, known = Catalogue(), config.workloads()
    imposable, impossible = inner.imposable(trials, catalogue, known)
    found = list(impossible)
    with Ledger() as ledger:
        for mine, request in inner.requests(imposable, PROFILES[profile], seed):
            bundle = new_run(request, catalogue, known, ledger, err())
            finish(bundle)
            found += inner.judge(mine, list(bundle.samples()), bundle.ident, of=len(imposable))
    return sorted(found, key=lambda finding: trials.index(finding.trial))


def _document(found: "Sequence[Finding]") -> dict[str, Any]:
    from dataclasses import asdict

    from vbench.run.selftest import CONFIDENCE, exit_code

    return {
        "schema": "vbench.selftest/1",
        "confidence": CONFIDENCE,
        "exit_code": exit_code(found),
        "findings": [asdict(one) for one in found],
    }


def _print(found: "Sequence[Finding]") -> None:
    from vbench.reports.grid import Grid, terminal
    from vbench.run.selftest import CONFIDENCE, shown

    columns = ("imposed", "found in", "truth, within", "measured", "interval", "boots", "outcome")
    rows = []
    for one in found:
        truth, measured, interval = shown(one)
        within, what = f"{truth}, {100 * one.trial.tolerance:g} %", f"{one.trial.workload} {one.trial.metric}"
        rows.append((one.trial.what, what, within, measured, interval, f"{one.boots or '-'}", one.outcome))
    notes = [
        f"All intervals together hold at {100 * CONFIDENCE:g} %; 'within' is what the imposition may be off.",
        *(f"{one.trial.what} ({one.trial.workload}): {one.outcome}: {one.reason}." for one in found if one.reason),
        *(f"vbench show {run}" for run in dict.fromkeys(one.run for one in found if one.run)),
    ]
    grid = Grid("Known overheads, found again", columns, tuple(rows), frozenset({"imposed", "found in"}), STYLES)
    out().print(terminal([grid], notes))
