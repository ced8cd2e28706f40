"""The hierarchical bootstrap for tail metrics: over boots, then over blocks, never over iterations."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from vbench.stats.estimate import Floats

RESAMPLES = 2000
SMALL = 10  # boots below which the interval is called approximate


@lru_cache(maxsize=64)
def _weights(blocks: tuple[int, ...], seed: int) -> Floats:
    """Return what every block weighs in every resample, shape (RESAMPLES, sum(blocks)); each row adds up to 1."""
    rng = np.random.default_rng(seed)
    boots, most, total = len(blocks), max(blocks), sum(blocks)
    starts = np.cumsum([0, *blocks[:-1]])
    picks = rng.integers(boots, size=(RESAMPLES, boots))
    sizes = np.array(blocks)[picks][..., None]
    draws = (rng.random((RESAMPLES, boots, most)) * sizes).astype(np.int64)
    rows = np.arange(RESAMPLES)[:, None, None] * total
    share = np.where(np.arange(most) < sizes, 1 / (boots * sizes), 0.0)
    index = rows + starts[picks][..., None] + draws
    weights = np.bincount(index.ravel(), weights=share.ravel(), minlength=RESAMPLES * total)
    return weights.astype(np.float64).reshape(RESAMPLES, total)


def hierarchical(blocks: Sequence[Sequence[float]], confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Return the percentile interval of the mean over boots of the mean over blocks.

    `blocks` holds the log-ratios of every boot's blocks, K >= 2 boots. The mean is linear in them, so that one matrix
    of weights, drawn once for a shape and a seed, serves every cell. Source: Davison & Hinkley, "Bootstrap Methods and
    their Application" (1997), section 3.8.
    """
    values = np.concatenate([np.asarray(boot, dtype=np.float64) for boot in blocks])
    means = _weights(tuple(map(len, blocks)), seed) @ values
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
