"""Samples to the rows of the table: the estimator, its cross-checks and the verdicts put together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import exp, log1p
from statistics import fmean

from vbench.model import Cell, Sample, depth
from vbench.stats.bootstrap import SMALL, hierarchical
from vbench.stats.context import EVERY, Context, Remarks
from vbench.stats.estimate import Estimate, estimate, natural
from vbench.stats.pairs import Pairs, pair
from vbench.stats.power import stein
from vbench.stats.ranks import hodges_lehmann
from vbench.stats.series import Key, Series, gather
from vbench.stats.verdicts import (
    ABSOLUTE,
    BASELINE,
    FAILED,
    FASTER,
    INCONCLUSIVE,
    MISSING,
    ONE_BOOT,
    SLOWER,
    WITHHELD,
    judge,
    noise_floor,
)

_NO_SPREAD = 1e-12  # in log: what rounding alone makes of boots that are all alike
_IMPLAUSIBLE = 0.5  # of the baseline's cost: no layer above it makes the same work so cheap
_ABSENT = Series({}, {}, frozenset(), ())
NO_RATIO = "no ratio: a value that may be 0 has none"


def cells(
    samples: Iterable[Sample], context: Context | None = None, *, margin: float = 0.03, confidence: float = 0.95
) -> list[Cell]:
    """Return one row for each metric and target of the samples, in a stable order: by workload, the baseline first.

    A target with no sample of a metric that others have gets a row too, with no numbers in it. `margin` is that of
    "similar" and of drift. Source: MEASUREMENT.md; docs/decisions has the verdicts.
    """
    about = context or Context()
    found = gather(samples)
    targets = sorted({target for per_target in found.values() for target in per_target}, key=partial(_order, about))
    rows = [
        _row(_Place(key, target, about, margin, confidence), found[key]) for key in sorted(found) for target in targets
    ]
    floor = noise_floor(rows, about.control)
    return [_judged(row, about, margin, floor) for row in rows]


@dataclass(frozen=True)
class _Place:
    """Where a row stands and by which rules it is made."""

    key: Key
    target: str
    context: Context
    margin: float
    confidence: float


def _order(about: Context, target: str) -> tuple[bool, bool, int, str]:
    """Sort the baseline first, its control next, then what is nested less deeply."""
    return target != about.baseline, target != about.control, depth(target), target


def _row(place: _Place, targets: Mapping[str, Series]) -> Cell:
    baseline = place.context.baseline
    mine, base = (targets.get(name or "", _ABSENT) for name in (place.target, baseline))
    empty = _empty(place, mine)
    if empty.value is None:
        return empty
    reasons = _reasons(place, mine, base)
    if reasons:
        return replace(empty, verdict=WITHHELD, warnings=(*reasons, *empty.warnings))
    if baseline is None:
        return replace(empty, verdict=ABSOLUTE)
    if place.target == baseline:
        return replace(empty, ratio=1.0, verdict=BASELINE, comparable=True)
    return _compared(place, empty, pair(mine, base))


def _empty(place: _Place, mine: Series) -> Cell:
    """Return the row with all that does not need the baseline."""
    value = _value(place, mine)
    warnings = (*mine.warnings, *_said(place, place.context.warnings, place.target))
    if value is None and not mine.tried:
        warnings = ("no sample was taken", *warnings)
    return Cell(
        *place.key,
        target=place.target,
        accelerator=place.context.accelerators.get(place.target),
        boots=len(mine.blocks) or len(mine.levels),
        value=value,
        ratio=None,
        low=None,
        high=None,
        confidence=place.confidence,
        mde=None,
        verdict=FAILED if mine.tried else MISSING,
        comparable=False,
        differences=place.context.differences.get((place.key.workload, place.target), ()),
        warnings=(*warnings, *_drift(mine, place)),
    )


def _value(place: _Place, mine: Series) -> float | None:
    if mine.levels:
        return fmean(mine.levels.values())
    cost = mine.log_value()
    return None if cost is None else natural(cost if place.key.better == "lower" else -cost)


def _said(place: _Place, remarks: Remarks, target: str) -> tuple[str, ...]:
    return remarks.get((EVERY, target), ()) + remarks.get((place.key.workload, target), ())


def _reasons(place: _Place, mine: Series, base: Series) -> tuple[str, ...]:
    """Return why no ratio may be given, in the words of the context or of the missing baseline."""
    own, baseline = _said(place, place.context.withheld, place.target), place.context.baseline
    if baseline is None:
        return own
    if place.target != baseline:
        own += tuple(f"{baseline}: {reason}" for reason in _said(place, place.context.withheld, baseline))
    if mine.levels:
        return (NO_RATIO, *own)
    if not own and not pair(mine, base).blocks:
        return (f"no ratio: '{baseline}' has no value in the same boots",)
    return own


def _compared(place: _Place, row: Cell, pairs: Pairs) -> Cell:
    """Return the row with its ratio, and with the interval and the cross-check that the number of boots allows."""
    means = pairs.means()
    warnings = (*row.warnings, *filter(None, [pairs.left_out]))
    if place.target in place.context.restored:
        warnings += (f"its {len(means)} instances were restored from one boot, so there is no interval over boots",)
        means = [fmean(means)]
    row = replace(row, boots=len(means), comparable=True)
    if len(means) == 1:
        return replace(row, ratio=natural(means[0]), verdict=ONE_BOOT, warnings=warnings)
    found = _estimated(pairs, means, place)
    low, high = float(found.low), float(found.high)
    if (place.key.workload, place.key.metric) in place.context.tails:
        low, high = hierarchical([blocks for _, blocks in sorted(pairs.blocks.items())], place.confidence)
        if len(means) < SMALL:
            warnings += (f"the interval of a tail metric is approximate below {SMALL} boots",)
    elif _ranks_object(means, low, high, place.confidence):
        warnings += ("the ranks of the boots (Hodges-Lehmann) disagree with the interval on whether there is a cost",)
    if found.high - found.low < _NO_SPREAD:
        warnings += ("every boot gave the same ratio: the metric is too coarse for an interval",)
    return replace(
        row,
        ratio=natural(float(found.theta)),
        low=natural(low),
        high=natural(high),
        mde=natural(float(found.mde)) - 1,
        verdict=INCONCLUSIVE,
        warnings=warnings,
    )


def _estimated(pairs: Pairs, means: list[float], place: _Place) -> Estimate:
    """Return the estimate over boots; where the first of them chose how many there are, it is Stein's."""
    first = sum(boot < (place.context.pilot or 0) for boot in pairs.blocks)
    if 1 < first < len(means):
        return stein(means, first, place.confidence)
    return estimate(means, place.confidence)


def _ranks_object(means: list[float], low: float, high: float, confidence: float) -> bool:
    ranks = hodges_lehmann(means, confidence)
    return ranks is not None and (ranks.low > 0 or ranks.high < 0) != (low > 0 or high < 0)


def _drift(mine: Series, place: _Place) -> tuple[str, ...]:
    """Name a drift between the halves of the blocks that is above the margin and, where boots allow, above chance."""
    drifts = [drift for _, drift in sorted(mine.drifts.items())]
    if not drifts:
        return ()
    drift = sum(drifts) / len(drifts)
    if len(drifts) > 1:
        found = estimate(drifts, place.confidence)
        if found.low <= 0 <= found.high:
            return ()
    if abs(drift) <= log1p(place.margin):
        return ()
    return (f"no steady state: the second half of a block costs {exp(min(drift, 50)):.2f} times the first",)


def _judged(row: Cell, about: Context, margin: float, floor: float | None) -> Cell:
    if row.ratio is not None and row.ratio < _IMPLAUSIBLE:
        doubt = f"implausible: it costs less than half of {about.baseline}, so hardly the same work was done"
        row = replace(row, warnings=(*row.warnings, doubt))
    if row.ratio is None or row.low is None or row.high is None:
        return row
    verdict = judge(row.ratio, row.low, row.high, margin=margin, floor=floor or 0.0)
    excludes = row.low > 1 or row.high < 1
    doubts = []
    if verdict == FASTER and row.target != about.control:
        doubts.append(f"faster than {about.baseline} beyond the noise floor: see that both did the same work")
    if excludes and verdict not in {SLOWER, FASTER}:
        doubts.append("the interval excludes 1, but the effect is below the noise floor of the session")
    return replace(row, verdict=verdict, warnings=(*row.warnings, *doubts))
