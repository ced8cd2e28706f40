"""A metric over many sessions of one machine: where its level changed, and where the next session should fall.

Everything is the log of the ratio to bare, one number a session, oldest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from vbench.stats.estimate import Floats, quantile

ENOUGH = 10  # sessions since the last change that a prediction needs
_SHORTEST = 4  # sessions that make a level; fewer may be spikes
_ALPHA = 0.01  # false alarms on a series that never changes; docs/honesty.md has what it buys
_DRAWS = 4000
_LONGEST = 1024  # the critical value hardly grows beyond


@dataclass(frozen=True)
class Change:
    """The first session of a new level, and the medians of the levels before and from there on."""

    session: int
    before: float
    after: float


@dataclass(frozen=True)
class Course:
    """The changes of a series. `drift` says that a straight line tells the series better than its steps."""

    changes: tuple[Change, ...]
    drift: bool


def prediction(logs: ArrayLike, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the interval in which the next session falls, from those since the last change; None below `ENOUGH`.

    mean +- t(n-1) s sqrt(1 + 1/n). Source: MEASUREMENT.md, "Between sessions"; Hahn & Meeker (1991), section 4.7.
    """
    past = np.asarray(logs, dtype=np.float64)
    if past.size < ENOUGH:
        return None
    half = quantile(0.5 + confidence / 2, past.size - 1) * float(past.std(ddof=1)) * np.sqrt(1 + 1 / past.size)
    return float(past.mean() - half), float(past.mean() + half)


def course(logs: Sequence[float]) -> Course:
    """Return the changes of a series of sessions.

    Binary segmentation (Scott & Knott 1974) by the largest standardised rank sum over all splits (Hawkins & Deng 2010):
    ranks, so that one spike is no change. The critical value is that of random orders, so nothing is assumed of the
    noise but that sessions are exchangeable between changes.
    """
    series = np.asarray(logs, dtype=np.float64)
    starts = _split(series, 0)
    edges = [0, *starts, series.size]
    levels = [float(np.median(series[first:last])) for first, last in pairwise(edges)] if series.size else []
    changes = tuple(
        Change(start, before, after) for start, (before, after) in zip(starts, pairwise(levels), strict=True)
    )
    return Course(changes, bool(changes) and _is_line(series, edges))


def _split(series: Floats, start: int) -> list[int]:
    if series.size < 2 * _SHORTEST:
        return []
    scores = _scan(_ranks(series))
    best = int(scores.argmax())
    if scores[best] <= _critical(min(_LONGEST, _rounded(series.size))):
        return []
    at = best + _SHORTEST
    return [*_split(series[:at], start), start + at, *_split(series[at:], start + at)]


def _scan(ranks: Floats) -> Floats:
    """Return the standardised rank sum of the first part for every split: (..., n) -> (..., n - 2 shortest + 1)."""
    n = ranks.shape[-1]
    first = np.arange(_SHORTEST, n - _SHORTEST + 1)
    sums = np.cumsum(ranks, axis=-1)[..., _SHORTEST - 1 : n - _SHORTEST]
    scores: Floats = np.abs(sums - first * (n + 1) / 2) / np.sqrt(first * (n - first) * (n + 1) / 12)
    return scores


@lru_cache(maxsize=128)
def _critical(sessions: int) -> float:
    """Return what the largest score exceeds in `_ALPHA` of random orders."""
    orders = np.tile(np.arange(1.0, sessions + 1), (_DRAWS, 1))
    shuffled = np.random.default_rng(sessions).permuted(orders, axis=1)
    return float(np.quantile(_scan(shuffled).max(axis=-1), 1 - _ALPHA))


def _rounded(sessions: int) -> int:
    """Round up to three binary digits: the critical value grows with the length, so this errs on the quiet side."""
    step = 1 << max(0, sessions.bit_length() - 3)
    return -(-sessions // step) * step


def _ranks(series: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean; scipy.stats.rankdata takes half a second to import."""
    _, place, count = np.unique(series, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _is_line(series: Floats, edges: Sequence[int]) -> bool:
    """Return whether a line has the lower BIC (Schwarz 1978) than the steps at `edges`."""
    time = np.arange(series.size)
    line = series - np.polyval(np.polyfit(time, series, 1), time)
    steps = np.concatenate([series[first:last] - series[first:last].mean() for first, last in pairwise(edges)])
    return _bic(line, 2) < _bic(steps, 2 * len(edges) - 3)


def _bic(rest: Floats, parameters: int) -> float:
    tiny = np.finfo(np.float64).tiny
    return float(rest.size * np.log(max(float(np.mean(rest**2)), tiny)) + parameters * np.log(rest.size))
