"""What an exporter gets of a run: its table, its samples and its header; and what several exporters ask of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import NamedTuple

from vbench.errors import InputError
from vbench.model import Cell
from vbench.reports.of_bundle import table_of
from vbench.reports.table import Table, label
from vbench.stats.estimate import natural
from vbench.stats.series import Key, gather
from vbench.store.bundle import Bundle

_INVERSE = {"1/s": "s", "B/s": "s/B", "1": "1"}


@dataclass(frozen=True)
class Source:
    """A run: the bundle with its samples and header, and the table that was derived from it."""

    bundle: Bundle
    table: Table

    @property
    def run(self) -> str:
        """The run's id."""
        return self.bundle.ident

    @property
    def created(self) -> datetime:
        """When the run was made, in UTC. Raises InputError where its header does not say so."""
        try:
            return datetime.fromtimestamp(self.bundle.header["created"], UTC)
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            raise InputError(f"The run '{self.run}' does not say when it was made.", "Restore its run.json.") from None

    @property
    def cpus(self) -> int | None:
        """How many CPUs every target had; None where nobody knows, as of an import."""
        cpus = self.bundle.header["settings"]["cpus"]
        return cpus if isinstance(cpus, int) else None

    @property
    def labels(self) -> dict[str, str]:
        """What each target is called: "kvm (tcg)" where its guest was emulated."""
        return {cell.target: label(cell) for cell in self.table.cells}

    @property
    def accelerators(self) -> dict[str, str | None]:
        """What ran the guest of each target, None where there was none."""
        return {cell.target: cell.accelerator for cell in self.table.cells}

    def host(self, key: str) -> str:
        """Return what the header says of the host (name, kernel, arch), or "unknown"."""
        return str(self.bundle.header["host"].get(key) or "unknown")


def source_of(bundle: Bundle, *, margin: float = 0.03) -> Source:
    """Return the source of a bundle; `margin` is that of the table's verdicts."""
    return Source(bundle, table_of(bundle, margin=margin))


class Boot(NamedTuple):
    """One boot of one metric on one target: its value in the metric's unit, over so many blocks."""

    number: int
    value: float
    blocks: int


def boots(source: Source) -> dict[tuple[Key, str], list[Boot]]:
    """Return the value of every boot of every metric and target: the geometric mean over its blocks.

    A boot without a value is not there. Source: the estimator of MEASUREMENT.md, whose y[t,k,b] this averages.
    """
    return {
        (key, target): [
            Boot(number, natural(_signed(key, fmean(blocks.values()))), len(blocks))
            for number, blocks in sorted(series.blocks.items())
        ]
        for key, targets in sorted(gather(source.bundle.samples()).items())
        for target, series in sorted(targets.items())
        if series.blocks
    }


def _signed(key: Key, cost: float) -> float:
    return cost if key.better == "lower" else -cost


def valued(cells: Iterable[Cell]) -> Iterator[tuple[Cell, float]]:
    """Yield the cells that have a value, with it."""
    return ((cell, cell.value) for cell in cells if cell.value is not None)


def cost(cell: Cell, value: float) -> tuple[float, str]:
    """Return the value as a cost, of which less is better, and its unit: a rate becomes the time of a unit of work."""
    if cell.better == "lower":
        return value, cell.unit
    return 1 / value, _INVERSE.get(cell.unit, f"1/{cell.unit}")


def title(cell: Cell) -> str:
    """Return what a dashboard calls a cell."""
    return f"{cell.workload} {cell.metric} on {label(cell)}"
