"""Power, and how many boots a wanted precision takes: before a run, and in Stein's two stages."""

from math import ceil

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ncfdtr

from vbench.stats.estimate import Estimate, Floats, estimate, quantile

PILOT = 8  # boots of the first stage


def power(effect: ArrayLike, spread: float, boots: int, confidence: float = 0.95) -> Floats:
    """Return the chance that the t interval over `boots` excludes 1 when the log-ratio is truly `effect`.

    `spread` is the standard deviation of the per-boot log-ratios, above 0; the shape is that of `effect`. Source: the
    noncentral t of Cohen, "Statistical Power Analysis" (1988), as G*Power has it, squared to a noncentral F so that
    one `scipy.special.ncfdtr` holds both tails.
    """
    shift = np.asarray(effect, dtype=np.float64) * np.sqrt(boots) / spread
    t = quantile(0.5 + confidence / 2, boots - 1)
    missed = np.nan_to_num(ncfdtr(1, boots - 1, shift**2, t**2))  # scipy says NaN for some shares below 1e-50
    return np.asarray(1 - missed, dtype=np.float64)


def stein_boots(pilot: ArrayLike, half_width: float, confidence: float = 0.95) -> int:
    """Return the boots in all that a half-width in log takes, after a pilot of per-boot log-ratios.

    n = ceil((t(.975, K0-1) s0 / h)^2), and no fewer than the pilot. Source: Stein (1945).
    """
    first = np.asarray(pilot, dtype=np.float64)
    t = quantile(0.5 + confidence / 2, first.size - 1)
    return max(first.size, ceil((t * float(first.std(ddof=1)) / half_width) ** 2))


def stein(differences: ArrayLike, pilot: int = PILOT, confidence: float = 0.95) -> Estimate:
    """Return the estimate over all of (..., n) boots with the spread and the degrees of freedom of the first `pilot`.

    That is what keeps the coverage although the pilot decided n. Source: Stein (1945).
    """
    d = np.asarray(differences, dtype=np.float64)
    first = estimate(d[..., :pilot], confidence)
    shrink = np.sqrt(pilot / d.shape[-1])
    theta = d.mean(axis=-1)
    half = (first.high - first.low) / 2 * shrink
    return Estimate(theta, theta - half, theta + half, first.mde * shrink)
