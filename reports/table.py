"""The table of one run: its cells, and what must be said of the session beside them."""

from collections.abc import Iterable
from dataclasses import dataclass

from vbench.model import Cell, Sample
from vbench.reports.numbers import percent
from vbench.reports.outcome import distrust
from vbench.reports.precision import Reached
from vbench.stats import Context, cells, noise_floor, suspects
from vbench.stats.verdicts import ONE_BOOT

SCHEMA = "vbench.table/1"


@dataclass(frozen=True)
class Table:
    """The cells of run `run` in their order. `notes` are the caller's: targets left out, settings, a label.

    `margin` is that of the verdict "similar"; `host_boots` the boots of the host that the samples come from, 0 where
    nobody knows; `schema` what its documents call themselves, `precision` what became of one that was asked for.
    """

    run: str
    cells: tuple[Cell, ...]
    margin: float = 0.03
    notes: tuple[str, ...] = ()
    host_boots: int = 1
    schema: str = SCHEMA
    precision: Reached | None = None


def tabulate(
    run: str,
    samples: Iterable[Sample],
    context: Context | None = None,
    *,
    margin: float = 0.03,
    confidence: float = 0.95,
    notes: tuple[str, ...] = (),
    host_boots: int = 1,
    schema: str = SCHEMA,
) -> Table:
    """Return the table of a run's samples."""
    rows = cells(samples, context, margin=margin, confidence=confidence)
    return Table(run, tuple(rows), margin, notes, host_boots, schema)


def session_notes(table: Table) -> tuple[str, ...]:
    """Return what holds for the whole table, in sentences for people."""
    asked = table.precision.notes() if table.precision else ()
    return (*_meaning(table), *asked, *_noise(table), *_conditions(table), *table.notes)


def _meaning(table: Table) -> tuple[str, ...]:
    if not table.cells:
        return ("There are no samples in this run, so there is nothing to show.",)
    said = ["Cost is relative to bare: above 1 is slower."]
    if boots := sorted({cell.boots for cell in table.cells if cell.low is not None}):
        count = f"{boots[0]} to {boots[-1]}" if len(boots) > 1 else f"{boots[0]}"
        said.append(
            f"The intervals are at {100 * table.cells[0].confidence:.4g} %, over {count} boots. MDE is the smallest "
            f"overhead that so many boots find four times in five. 'similar' lies within {100 * table.margin:.4g} %."
        )
    if any(cell.verdict == ONE_BOOT for cell in table.cells):
        said.append("'one boot' is conditional on that boot: another may differ, and nothing says by how much.")
    return (" ".join(said),)


def _noise(table: Table) -> tuple[str, ...]:
    """Say what bare2, bare under a second name, shows of the session's noise and of its trust."""
    floor = noise_floor(table.cells)
    if floor is None:
        return ("The noise floor is unknown: bare2, the A/A control, has no interval.",) if table.cells else ()
    said = f"The noise floor is {percent(floor)} (bare2 against bare); no overhead below it is claimed."
    odd, total = suspects(table.cells)
    if not odd:
        return (said,)
    names = [f"{cell.workload} {cell.metric}" for cell in odd]
    return said, distrust("this session", names, total, odd[0].confidence)


def _conditions(table: Table) -> tuple[str, ...]:
    said = []
    if table.host_boots == 1 and table.cells:
        said.append("Conditional on one host boot: the host was not restarted between the boots of the targets.")
    if any(is_emulated(cell) for cell in table.cells):
        said.append(
            "tcg: the guest's processor was emulated in software, not run by KVM. Its figures say what emulation "
            "costs, and nothing of what KVM costs."
        )
    return tuple(said)


def label(cell: Cell) -> str:
    """Return the target as people and programs are told of it: emulation is never called KVM."""
    return f"{cell.target} ({cell.accelerator})" if is_emulated(cell) else cell.target


def is_emulated(cell: Cell) -> bool:
    """Return whether any level of the cell's target ran under software emulation."""
    return "tcg" in (cell.accelerator or "")
