"""Several cells at once: what keeps a table of forty from finding two effects in nothing."""

import numpy as np
from numpy.typing import ArrayLike

from vbench.stats.estimate import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Return p values, shape (n,), adjusted so that rejecting those below alpha errs once in 1 / alpha families.

    Source: Holm (1979). For gates: one false alarm fails a build.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p values, shape (n,), adjusted so that of those below alpha a share of alpha is false.

    Source: Benjamini & Hochberg (1995); `scipy.stats.false_discovery_control`. For lists that a person reads.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - takes half a second, and no gate needs it

    return np.asarray(false_discovery_control(np.asarray(p_values, dtype=np.float64)))


def bonferroni(confidence: float, count: int) -> float:
    """Return the confidence that each of `count` intervals needs for all to hold together at `confidence`.

    Source: Dunn (1961).
    """
    return 1 - (1 - confidence) / count
