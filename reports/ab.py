"""Two variants that ran interleaved on one host: did the cost of the second exceed the first's by more than a margin.

The variants are paired boot by boot and not through bare, which stands beside them in the run as its A/A control.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from vbench.model import Better, Cell, Difference
from vbench.probes.matters import differences, voids
from vbench.reports.compare import LeftOut
from vbench.reports.of_bundle import facts_of, table_of
from vbench.reports.outcome import CONFIDENCE, EXIT, distrust, outcomes
from vbench.run.sanity import voided
from vbench.stats import noise_floor, suspects
from vbench.stats.cells import NO_RATIO
from vbench.stats.estimate import estimate, natural
from vbench.stats.gate import Contrast, Outcome, overall, paired
from vbench.stats.pairs import pair
from vbench.stats.series import Key, Series, gather
from vbench.store.bundle import Bundle

ONE_BOOT = "one boot: another may differ, so nothing is concluded"
RESTORED = "its instances were restored from one boot, so there is no interval over boots"


@dataclass(frozen=True)
class Row:
    """One metric on both variants: `base` and `new` in `unit`, `change` = cost(new) / cost(base), above 1 is worse.

    `low`, `high` and `mde` are None where one boot is all there is.
    """

    workload: str
    metric: str
    unit: str
    better: Better
    boots: int
    base: float
    new: float
    change: float
    low: float | None
    high: float | None
    mde: float | None
    outcome: Outcome
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What became of two variants in run `run`; `outcome` is None where they have no metric in common."""

    run: str
    base: str
    new: str
    margin: float
    noise_floor: float | None
    outcome: Outcome | None
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    differences: tuple[Difference, ...]  # of base and new, `bare` being base
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """The exit code of DESIGN.md."""
        return EXIT[self.outcome]


def compare(bundle: Bundle, base: str, new: str, *, margin: float = 0.03) -> Comparison:
    """Return the comparison of two targets of a run; a regression holds after Holm's correction over all metrics."""
    cells = table_of(bundle, margin=margin).cells
    found = gather(bundle.samples())
    reasons = _reasons(bundle, base, new)
    restored = {one["target"] for one in bundle.instances() if one["restored"]} & {base, new}
    rows: list[tuple[Row, Contrast | None]] = []
    left_out = []
    for key in sorted(found):
        sides = [found[key].get(name) for name in (base, new)]
        why = reasons.get(key.workload) or _nothing(sides, (base, new))
        if why or sides[0] is None or sides[1] is None:
            left_out.append(LeftOut(key.workload, key.metric, new, why))
        else:
            rows.append(_row(key, sides[0], sides[1], one_boot=bool(restored)))
    judged = _judged(rows, margin)
    return Comparison(
        run=bundle.ident,
        base=base,
        new=new,
        margin=margin,
        noise_floor=noise_floor(cells),
        outcome=overall([row.outcome for row in judged]),
        rows=tuple(judged),
        left_out=tuple(left_out),
        differences=_differences(bundle, base, new),
        notes=_suspicion(cells),
    )


def _reasons(bundle: Bundle, base: str, new: str) -> dict[str, str]:
    """Return why the variants may not be compared on a workload, in the words of the sanity checks and the facts."""
    checked = voided(bundle.samples())
    here, there = facts_of(bundle, base), facts_of(bundle, new)
    found = {}
    for workload in bundle.header["workloads"]:
        said = [
            f"{name}: {reason}" for name in dict.fromkeys((base, new)) for reason in checked.get((workload, name), ())
        ]
        said += voids(here, there, workload, base, f"on {new}")
        if said:
            found[workload] = "; ".join(said)
    return found


def _nothing(sides: Sequence[Series | None], names: Sequence[str]) -> str:
    """Return why there is no pair of values; empty where there is one."""
    one, other = sides
    for side, name in zip(sides, names, strict=True):
        if side and side.levels:
            return NO_RATIO
        if side is None or not side.blocks:
            said = f": {side.warnings[0]}" if side and side.warnings else ""
            return f"'{name}' has no value{said}"
    return "" if one and other and pair(other, one).blocks else "no boot has a value on both sides"


def _row(key: Key, base: Series, new: Series, *, one_boot: bool) -> tuple[Row, Contrast | None]:
    """Return a row that is inconclusive until it is judged, and its contrast where there are two boots."""
    pairs = pair(new, base)
    means = pairs.means()
    sign = 1 if key.better == "lower" else -1
    values = [natural(sign * (side.log_value() or 0.0)) for side in (base, new)]
    warnings = [f"{which}: {text}" for which, side in (("base", base), ("new", new)) for text in side.warnings]
    row = Row(
        *key,
        boots=len(means),
        base=values[0],
        new=values[1],
        change=natural(fmean(means)),
        low=None,
        high=None,
        mde=None,
        outcome="inconclusive",
        warnings=(*warnings, *filter(None, [pairs.left_out])),
    )
    if one_boot or len(means) == 1:
        return replace(row, warnings=(RESTORED if one_boot else ONE_BOOT, *row.warnings)), None
    found = estimate(means, CONFIDENCE)
    limits = natural(float(found.low)), natural(float(found.high)), natural(float(found.mde)) - 1
    return replace(row, low=limits[0], high=limits[1], mde=limits[2]), paired(means)


def _judged(rows: Sequence[tuple[Row, Contrast | None]], margin: float) -> list[Row]:
    found = outcomes([contrast for _, contrast in rows], margin)
    return [replace(row, outcome=outcome) for (row, _), outcome in zip(rows, found, strict=True)]


def _differences(bundle: Bundle, base: str, new: str) -> tuple[Difference, ...]:
    """Return every fact in which the variants differ and that matters to a workload of the run, once."""
    here, there = facts_of(bundle, base), facts_of(bundle, new)
    found = {one.fact: one for workload in bundle.header["workloads"] for one in differences(here, there, workload)}
    return tuple(found.values())


def _suspicion(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Say where bare and its control, the same thing twice, differ: such a session is not to be trusted."""
    odd, total = suspects(cells)
    return (distrust("this session", [f"{cell.workload} {cell.metric}" for cell in odd], total),) if odd else ()
