"""A run bundle to its table: the samples, and what the bundle knows beside them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from vbench.errors import unknown
from vbench.model import BARE, Difference, Fact, Sample, depth
from vbench.probes import facts
from vbench.probes.matters import MACHINE, differences, voids
from vbench.reports.as_json import document
from vbench.reports.precision import reached
from vbench.reports.spent import spent
from vbench.reports.table import Table, tabulate
from vbench.run import stages
from vbench.run.sanity import voided
from vbench.stats import EVERY, Context
from vbench.store import snapshot
from vbench.store.bundle import Bundle

NONE = "none"  # what a user writes for the baseline where there is none
SUMMARY = "vbench.summary/1"
Remarks = dict[tuple[str, str], tuple[str, ...]]


def table_of(bundle: Bundle, *, margin: float = 0.03, baseline: str | None = None) -> Table:
    """Return the table of a bundle's samples; `baseline` as in `baseline_of`."""
    head = bundle.header
    boots = 0 if "imported" in head else 1  # of the host: an import does not know how many
    notes = (*notes_of(head), *_away(bundle, baseline), *spent(bundle.times()))
    context = context_of(bundle, baseline=baseline)
    table = tabulate(bundle.ident, bundle.samples(), context, margin=margin, notes=notes, host_boots=boots)
    asked = stages.asked(head)
    if asked is None:
        return table
    return replace(table, precision=reached(asked, head["plan"]["profile"]["boots"], stages.kept(bundle), table.cells))


def summary(table: Table) -> dict[str, Any]:
    """Return what summary.json holds: the table as other programs read it, and the notes."""
    told = {name: value for name, value in document(table).items() if name in {"run", "precision", "rows"}}
    return {"schema": SUMMARY, **told, "notes": list(table.notes)}


def baseline_of(header: Mapping[str, Any], asked: str | None = None) -> str | None:
    """Return the target that costs are relative to, None where there is none: as asked, else as the run was begun.

    Raises InputError for a name that is no target of the run.
    """
    own, targets = header.get("baseline", BARE), header["plan"]["targets"]
    if asked not in (None, NONE, own, *targets):
        raise unknown("baseline", str(asked), [*targets, NONE])
    return own if asked is None else None if asked == NONE else asked


def context_of(bundle: Bundle, samples: Iterable[Sample] | None = None, *, baseline: str | None = None) -> Context:
    """Return what the bundle says of its targets: accelerators, warnings, differences, what voids a ratio.

    The last of these goes by all samples, or by these, such as those of its first stage.
    """
    instances = bundle.instances()
    workloads = bundle.header["workloads"]
    base = baseline_of(bundle.header, baseline)
    differing, withheld = _compared(bundle, list(workloads), base)
    for place, reasons in voided(bundle.samples() if samples is None else samples).items():
        withheld[place] = withheld.get(place, ()) + reasons
    return Context(
        accelerators={one["target"]: one["accelerator"] for one in instances if one["accelerator"]},
        differences=differing,
        withheld=withheld,
        warnings=_warnings(instances),
        tails=frozenset((name, metric) for name, about in workloads.items() for metric in about["tails"]),
        restored=frozenset(one["target"] for one in instances if one["restored"]),
        pilot=bundle.header["plan"]["profile"]["boots"] if stages.asked(bundle.header) else None,
        baseline=base,
    )


def _warnings(instances: list[dict[str, Any]]) -> Remarks:
    """Return what was said of a target's instances, once."""
    said: Remarks = defaultdict(tuple)
    for instance in instances:
        key = EVERY, instance["target"]
        said[key] += tuple(text for text in instance["warnings"] if text not in said[key])
    return dict(said)


def _compared(
    bundle: Bundle, workloads: list[str], base: str | None
) -> tuple[dict[tuple[str, str], tuple[Difference, ...]], Remarks]:
    """Return the differences between the facts of the baseline and of each target, and those that void a ratio."""
    here = facts_of(bundle, base) if base else []
    differing: dict[tuple[str, str], tuple[Difference, ...]] = {}
    withheld: Remarks = {}
    for target in bundle.header["plan"]["targets"]:
        there = facts_of(bundle, target)
        for workload in workloads:
            differing[workload, target] = differences(here, there, workload)
            withheld[workload, target] = voids(here, there, workload, base or BARE)
    return differing, withheld


def facts_of(bundle: Bundle, target: str) -> list[Fact]:
    """Return the facts of a target from its snapshot and its instances; none where it never came so far."""
    known = {one["target"]: one.get("facts", {}) for one in bundle.instances()}
    folder = bundle.snapshot_folder(target, "before")
    probed = facts(snapshot.load(folder)) if folder.exists() else []
    return probed + [Fact(key, value) for key, value in known.get(target, {}).items()]


def notes_of(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was left out and why, and how the run was set."""
    settings, plan = header["settings"], header["plan"]
    notes = [
        f"{name} was left out: {lack['what']} is missing. Fix: {lack['fix']}."
        for name, lacking in header["left_out"].items()
        for lack in lacking[:1]
    ]
    notes += [f"{name} is nested: the last hop runs inside the one before." for name in plan["targets"] if depth(name)]
    if imported := header.get("imported"):
        tools = sorted({f"{one['tool']} {one['version'] or '(version unknown)'}" for one in imported})
        told = "Nothing is known of the settings of its targets, and nothing says that they were measured in turn."
        return (*notes, f"Imported: {', '.join(tools)}; files: {len(imported)}. {told}")
    size = f"{settings['cpus']} CPU, {settings['memory'] // 2**20} MiB"
    notes.append(f"Every target: {size}. Profile {plan['profile']['name']}, seed {plan['seed']}.")
    return tuple(notes)


def _away(bundle: Bundle, asked: str | None) -> Iterator[str]:
    """Say which targets were on another machine than the baseline, and how their costs can be had."""
    base = baseline_of(bundle.header, asked)
    machines = {one["target"]: one.get("facts", {}).get(MACHINE) for one in bundle.instances()}
    here = machines.get(base or "")
    if away := sorted(target for target, machine in machines.items() if here and machine and machine != here):
        yield (
            f"On another machine than {base}, so that their values are absolute: {', '.join(away)}. A cost there is "
            "relative to that machine's own bare metal: run with --baseline ssh:HOST."
        )
