"""The end of a run: its summary, which later runs are compared with, and the seal over everything."""

from collections.abc import Mapping
from typing import Any

from vbench.model import BARE, Value
from vbench.probes import facts
from vbench.reports.comparable import CONDITIONS, MACHINE
from vbench.reports.of_bundle import baseline_of, summary, table_of
from vbench.reports.table import Table
from vbench.stats.pairs import log_ratios
from vbench.stats.series import Key
from vbench.store import seal, snapshot
from vbench.store.bundle import Bundle

UNTOLD = ("unknown", "not-permitted")


def finish(bundle: Bundle) -> Table:
    """Write summary.json, seal the bundle, and return its table."""
    table = table_of(bundle)
    bundle.write_summary(_document(bundle, table))
    seal.seal(bundle.folder)
    return table


def summary_of(bundle: Bundle) -> dict[str, Any]:
    """Return what summary.json must hold.

    Beside the table's rows it has what comparisons need: `log_ratios`, the D[k] of MEASUREMENT.md in natural logs, in
    each row (empty for the baseline, and where there is no ratio), and `machine`, the facts that tell machines apart.
    """
    return _document(bundle, table_of(bundle))


def _document(bundle: Bundle, table: Table) -> dict[str, Any]:
    document = summary(table)
    ratios = log_ratios(bundle.samples(), baseline_of(bundle.header))
    for row, cell in zip(document["rows"], table.cells, strict=True):
        key = Key(cell.workload, cell.metric, cell.unit, cell.better)
        row["log_ratios"] = ratios.get((key, cell.target), []) if cell.comparable else []
    return document | {"machine": machine_of(bundle)}


def machine_of(bundle: Bundle) -> Mapping[str, Value]:
    """Return the known facts of `MACHINE` and `CONDITIONS`, from the baseline's first snapshot, else from run.json."""
    host = bundle.header["host"]
    told = {"kernel.arch": host.get("arch"), "kernel.release": host.get("kernel"), "cpu.model": host.get("model")}
    known: dict[str, Value] = {name: value for name, value in told.items() if value}
    folder = bundle.snapshot_folder(baseline_of(bundle.header) or BARE, "before")
    for fact in facts(snapshot.load(folder)) if folder.exists() else ():
        if fact.key in MACHINE + CONDITIONS and fact.value not in UNTOLD:
            known[fact.key] = fact.value
    return known
