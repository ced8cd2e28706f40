"""The table of one run: its cells, and what must be said of the session beside them."""

from collections.abc import Iterable
from dataclasses import dataclass

from vbench.model import BARE, Cell, Sample, control_of
from vbench.reports.numbers import percent
from vbench.reports.outcome import distrust
from vbench.reports.precision import Reached
from vbench.stats import Context, cells, noise_floor, suspects
from vbench.stats.verdicts import ONE_BOOT

SCHEMA = "vbench.table/1"
ALONE = "There is no baseline in this run: its values are absolute, and nothing is said of what a target costs."


@dataclass(frozen=True)
class Table:
    """The cells of run `run` in their order. `notes` are the caller's: targets left out, settings, a label.

    `margin` is that of the verdict "similar"; `host_boots` the boots of the host that the samples come from, 0 where
    nobody knows; `schema` what its documents call themselves, `precision` what became of one that was asked for.
    `baseline` is the target that costs are relative to, None where there is none.
    """

    run: str
    cells: tuple[Cell, ...]
    margin: float = 0.03
    notes: tuple[str, ...] = ()
    host_boots: int = 1
    schema: str = SCHEMA
    precision: Reached | None = None
    baseline: str | None = BARE

    @property
    def control(self) -> str | None:
        """The baseline under a second name."""
        return control_of(self.baseline)


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
    about = context or Context()
    rows = cells(samples, about, margin=margin, confidence=confidence)
    return Table(run, tuple(rows), margin, notes, host_boots, schema, baseline=about.baseline)


def session_notes(table: Table) -> tuple[str, ...]:
    """Return what holds for the whole table, in sentences for people."""
    asked = table.precision.notes() if table.precision else ()
    return (*_meaning(table), *asked, *_noise(table), *_conditions(table), *table.notes)


def _meaning(table: Table) -> tuple[str, ...]:
    if not table.cells:
        return ("There are no samples in this run, so there is nothing to show.",)
    said = [f"Cost is relative to {table.baseline}: above 1 is slower." if table.baseline else ALONE]
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
    """Say what the control, the baseline under a second name, shows of the session's noise and of its trust."""
    if table.baseline is None:
        return ()
    floor = noise_floor(table.cells, table.control)
    if floor is None:
        said = f"The noise floor is unknown: {table.control}, the A/A control, has no interval."
        return (said,) if table.cells else ()
    pair = f"{table.control} against {table.baseline}"
    said = f"The noise floor is {percent(floor)} ({pair}); no overhead below it is claimed."
    odd, total = suspects(table.cells, table.control)
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
    """Return the target as people and programs are told of it: with what ran it, unless that was KVM alone."""
    alone = set((cell.accelerator or "none").split("/")) <= {"kvm", "none"}
    return cell.target if alone else f"{cell.target} ({cell.accelerator})"


def is_emulated(cell: Cell) -> bool:
    """Return whether any level of the cell's target ran under software emulation."""
    return "tcg" in (cell.accelerator or "")
