"""Two runs side by side: did the cost of a target, relative to its own run's baseline, change by more than a margin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from vbench.model import control_of
from vbench.reports.comparable import Aspect, aspects, differing, refuse, untold
from vbench.reports.outcome import CONFIDENCE, EXIT, distrust, outcomes
from vbench.stats.estimate import estimate, natural, quantile
from vbench.stats.gate import Contrast, Outcome, overall, unpaired
from vbench.store.session import Measured, Session

_POWER = 0.8
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Run:
    """A run and its cells."""

    session: Session
    cells: tuple[Measured, ...]

    @property
    def ident(self) -> str:
        """The run's id."""
        return self.session.ident

    def places(self) -> dict[Place, Measured]:
        """Return the cells that have a cost to compare, by workload, metric and target."""
        own = {self.session.baseline, control_of(self.session.baseline)}
        return {(c.workload, c.metric, c.target): c for c in self.cells if c.target not in own}


@dataclass(frozen=True)
class Row:
    """One cell in both runs. `base` and `new` are ratios to the baseline, `change` is new / base: above 1 is worse.

    `low`, `high` and `mde` are None where a side has one boot; `new` and `change` too where the second run has none.
    """

    workload: str
    metric: str
    target: str
    base_boots: int
    new_boots: int
    base: float
    new: float | None
    change: float | None
    low: float | None
    high: float | None
    mde: float | None
    outcome: Outcome
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A cell that was not compared, and why."""

    workload: str
    metric: str
    target: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What became of comparing two runs; `outcome` is None where they have no cell in common."""

    base: str
    new: str
    margin: float
    outcome: Outcome | None
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    allowed: tuple[Aspect, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """The exit code of DESIGN.md."""
        return EXIT[self.outcome]


def compare(base: Run, new: Run, *, margin: float = 0.03, allowed: Sequence[str] = ()) -> Comparison:
    """Return the comparison; InputError where the runs differ in an aspect that is not `allowed`.

    Each side's cost is the log of the ratio to its own baseline, and the sides are unpaired (MEASUREMENT.md, "Between
    sessions"). Regressions are corrected by Holm over all cells.
    """
    ours, theirs = base.places(), new.places()
    both = [place for place in ours if place in theirs]
    common = dict.fromkeys((workload, target) for workload, _, target in both)
    sides = [aspects(run.session, run.cells, common) for run in (base, new)]
    found = differing(*sides)
    refuse(found, allowed, sides[0])
    alike = [place for place in both if _unit(ours[place]) == _unit(theirs[place])]
    rows = _judged([_row(ours[place], theirs[place]) for place in alike if ours[place].log_ratios], margin)
    left_out = (
        *_only(base, new, "there is none in the second run"),
        *_only(new, base, "there is none in the first run"),
        *(LeftOut(*place, _units(ours[place], theirs[place])) for place in both if place not in alike),
        *(LeftOut(*place, _why(ours[place], "first")) for place in alike if not ours[place].log_ratios),
    )
    open_questions = untold(*sides)
    notes = (*_suspicion(base, "first"), *_suspicion(new, "second"))
    if open_questions:
        notes += (f"Neither run says whether these agree: {', '.join(open_questions)}.",)
    outcome = overall([row.outcome for row in rows])
    return Comparison(base.ident, new.ident, margin, outcome, tuple(rows), left_out, found, notes)


def _unit(cell: Measured) -> tuple[str, str]:
    return cell.unit, cell.better


def _units(base: Measured, new: Measured) -> str:
    return f"it is in '{base.unit}' ({base.better} is better) and in '{new.unit}' ({new.better} is better)"


def _only(run: Run, other: Run, reason: str) -> tuple[LeftOut, ...]:
    there = other.places()
    return tuple(LeftOut(*place, reason) for place in run.places() if place not in there)


def _why(cell: Measured, which: str) -> str:
    said = f": {cell.warnings[0]}" if cell.warnings else ""
    return f"no ratio in the {which} run ({cell.verdict}){said}"


def _row(base: Measured, new: Measured) -> tuple[Row, Contrast | None]:
    """Return a row that is inconclusive until it is judged, and its contrast where both sides have two boots."""
    before, after = base.log_ratios, new.log_ratios
    warnings = [f"{which} run: {text}" for which, c in (("first", base), ("second", new)) for text in c.warnings]
    row = Row(
        workload=base.workload,
        metric=base.metric,
        target=base.target,
        base_boots=len(before),
        new_boots=len(after),
        base=natural(fmean(before)),
        new=natural(fmean(after)) if after else None,
        change=natural(fmean(after) - fmean(before)) if after else None,
        low=None,
        high=None,
        mde=None,
        outcome="inconclusive",
        warnings=tuple(warnings),
    )
    if not after:
        return replace(row, warnings=(_why(new, "second"), *row.warnings)), None
    if min(len(before), len(after)) == 1:
        return replace(row, warnings=("one boot: another may differ, so nothing is concluded", *row.warnings)), None
    contrast = unpaired(after, before)
    low, high = contrast.interval(CONFIDENCE)
    reach = quantile(0.5 + CONFIDENCE / 2, contrast.degrees) + quantile(_POWER, contrast.degrees)
    return replace(row, low=natural(low), high=natural(high), mde=natural(reach * contrast.error) - 1), contrast


def _judged(rows: Sequence[tuple[Row, Contrast | None]], margin: float) -> list[Row]:
    found = outcomes([contrast for _, contrast in rows], margin)
    return [replace(row, outcome=outcome) for (row, _), outcome in zip(rows, found, strict=True)]


def _suspicion(run: Run, which: str) -> tuple[str, ...]:
    """Say where the A/A control of a run differs from the baseline: such a session is not to be trusted."""
    name = control_of(run.session.baseline)
    control = [c for c in run.cells if c.target == name and len(c.log_ratios) > 1]
    found = [(c, estimate(c.log_ratios, CONFIDENCE)) for c in control]
    odd = [f"{c.workload} {c.metric}" for c, e in found if not e.low <= 0 <= e.high]
    return (distrust(f"the {which} run", odd, len(control)),) if odd else ()
