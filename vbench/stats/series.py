"""Samples sorted into series: the log costs of one metric on one target by boot and block, and what went wrong."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import NamedTuple

from vbench.model import Better, Sample

_SMALLEST, _LARGEST = 1e-30, 1e30  # no base unit of ours comes near; beyond them a parser was fooled
_REASONS = 3  # distinct reasons that a cell names
_LENGTH = 200  # characters of a message that came out of a target


class Key(NamedTuple):
    """What may share a row of the table: values of another unit or direction never do."""

    workload: str
    metric: str
    unit: str
    better: Better


@dataclass(frozen=True)
class Series:
    """One metric on one target.

    `blocks[boot][block]` is the median over iterations of log cost; `drifts[boot]` the mean over blocks of the log
    cost of a block's second half over its first; `tried` every (boot, block) that was begun. A metric that may be 0 has
    no logarithm and so none of these but `tried`: `levels[boot]` is the mean over blocks of its median.
    """

    blocks: Mapping[int, Mapping[int, float]]
    drifts: Mapping[int, float]
    tried: frozenset[tuple[int, int]]
    warnings: tuple[str, ...]
    levels: Mapping[int, float] = field(default_factory=dict)

    def log_value(self) -> float | None:
        """Return the mean over boots of the mean over blocks of log cost; None where there is no value."""
        boots = [fmean(blocks.values()) for blocks in self.blocks.values()]
        return fmean(boots) if boots else None


def gather(samples: Iterable[Sample]) -> dict[Key, dict[str, Series]]:
    """Return the series of every metric and target; the order of the samples does not matter."""
    groups: dict[Key, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        key = Key(sample.workload, sample.metric, sample.unit, sample.better)
        groups[key][sample.target].append(sample)
    return {key: {target: series(found) for target, found in targets.items()} for key, targets in groups.items()}


def series(samples: Sequence[Sample]) -> Series:
    """Return one metric's series on one target, warm-ups left out and failures named, never counted as numbers."""
    costs: dict[tuple[int, int], list[tuple[int, float]]] = defaultdict(list)
    reasons: Counter[str] = Counter()
    for sample in samples:
        value, why = sample.value, trouble(sample)
        if why is not None:
            reasons[why] += 1
        elif value is not None and not sample.warmup:
            costs[sample.boot, sample.block].append((sample.iteration, _cost(sample, value)))
    told = (*_failures(reasons, len(samples)), *_instances(samples), *_remarks(samples))
    blocks: dict[int, dict[int, float]] = defaultdict(dict)
    drifts: dict[int, list[float]] = defaultdict(list)
    for (boot, block), pairs in costs.items():
        trace = [cost for _, cost in sorted(pairs)]
        blocks[boot][block] = median(trace)
        if half := len(trace) // 2:
            drifts[boot].append(median(trace[-half:]) - median(trace[:half]))
    tried = frozenset((sample.boot, sample.block) for sample in samples)
    if any(sample.zero for sample in samples):
        return Series({}, {}, tried, told, {boot: fmean(found.values()) for boot, found in blocks.items()})
    return Series(blocks, {boot: fmean(halves) for boot, halves in drifts.items()}, tried, told)


def _cost(sample: Sample, value: float) -> float:
    """Return the log cost; of a metric that may be 0, which has no logarithm, the value itself."""
    if sample.zero:
        return value
    return math.log(value) if sample.better == "lower" else -math.log(value)


def trouble(sample: Sample) -> str | None:
    """Return why a sample is no number, or None: a failure, or a value that cannot be a cost."""
    if sample.failure:
        return sample.failure.message[:_LENGTH] or f"the {sample.failure.blame} gave no reason"
    if sample.value is None:
        return "there is neither a value nor a reason"
    if sample.zero and sample.value == 0:
        return None
    if not _SMALLEST <= sample.value <= _LARGEST:  # NaN fails this too
        return f"the value {sample.value!r} is not a positive, finite and plausible number"
    return None


def _failures(reasons: Counter[str], total: int) -> list[str]:
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    said = [f"{count} of {total} iterations failed: {why}" for why, count in ranked[:_REASONS]]
    rest = sum(count for _, count in ranked[_REASONS:])
    return [*said, f"{rest} of {total} iterations failed for other reasons"] if rest else said


def _instances(samples: Iterable[Sample]) -> list[str]:
    """Say where boots and instances are not one to one: then the boots are not what the interval takes them for."""
    known: dict[int, set[str]] = defaultdict(set)
    homes: dict[str, set[int]] = defaultdict(set)
    for sample in samples:
        if sample.instance:
            known[sample.boot].add(sample.instance)
            homes[sample.instance].add(sample.boot)
    said = [f"boot {boot} came of {len(ids)} instances" for boot, ids in sorted(known.items()) if len(ids) > 1]
    shared = sum(len(boots) > 1 for boots in homes.values())
    return [*said, "boots share an instance, so they are not independent"] if shared else said


def _remarks(samples: Iterable[Sample]) -> list[str]:
    counts = Counter(remark[:_LENGTH] for sample in samples for remark in sample.warnings)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{remark} ({count} iterations)" if count > 1 else remark for remark, count in ranked[:_REASONS]]
