"""Fieller's interval: a ratio of arithmetic means, for costs that add up, such as a session's energy."""

import numpy as np
from numpy.typing import ArrayLike

from vbench.stats.estimate import quantile


def fieller(target: ArrayLike, bare: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float] | None:
    """Return mean(target) / mean(bare) with its interval, from K >= 2 costs of each, paired by boot.

    None where bare's mean cannot be told from 0: the interval would be unbounded. Source: Fieller (1954); it holds the
    ratios r for which a paired t test does not reject mean(target - r bare) = 0.
    """
    costs = np.stack([np.asarray(target, dtype=np.float64), np.asarray(bare, dtype=np.float64)])
    boots = costs.shape[1]
    (top, base), t = costs.mean(axis=1), quantile(0.5 + confidence / 2, boots - 1)
    (v_top, v_both), (_, v_base) = t**2 * np.cov(costs) / boots
    square, middle, rest = base**2 - v_base, top * base - v_both, top**2 - v_top
    if square <= 0:
        return None
    root = np.sqrt(max(0.0, middle**2 - square * rest))
    return float(top / base), float((middle - root) / square), float((middle + root) / square)
