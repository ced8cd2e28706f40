"""A run bundle to its table: the samples, and what the bundle knows beside them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from vbench.reports.as_json import document
from vbench.reports.table import Table, tabulate
from vbench.stats import EVERY, Context
from vbench.store.bundle import Bundle

SUMMARY = "vbench.summary/1"


def table_of(bundle: Bundle, *, margin: float = 0.03) -> Table:
    """Return the table of a bundle's samples."""
    return tabulate(bundle.ident, bundle.samples(), context_of(bundle), margin=margin, notes=notes_of(bundle.header))


def summary(table: Table) -> dict[str, Any]:
    """Return what summary.json holds: the table as other programs read it, and the notes."""
    return {**document(table), "schema": SUMMARY, "notes": list(table.notes)}


def context_of(bundle: Bundle) -> Context:
    """Return the targets' accelerators, differences and warnings from the instances that were recorded."""
    accelerators: dict[str, str] = {}
    warnings: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
    for instance in bundle.instances():
        target = instance["target"]
        if instance["accelerator"]:
            accelerators[target] = instance["accelerator"]
        new = [text for text in instance["warnings"] if text not in warnings[EVERY, target]]
        warnings[EVERY, target] += tuple(new)
    tails = {(name, metric) for name, about in bundle.header["workloads"].items() for metric in about["tails"]}
    return Context(accelerators=accelerators, warnings=dict(warnings), tails=frozenset(tails))


def notes_of(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was left out and why, and how the run was set."""
    settings, plan = header["settings"], header["plan"]
    notes = [
        f"{name} was left out: {lack['what']} is missing. Fix: {lack['fix']}."
        for name, lacking in header["left_out"].items()
        for lack in lacking[:1]
    ]
    size = f"{settings['cpus']} CPU, {settings['memory'] // 2**20} MiB"
    notes.append(f"Every target: {size}. Profile {plan['profile']['name']}, seed {plan['seed']}.")
    return tuple(notes)
