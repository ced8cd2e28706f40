"""The estimator of MEASUREMENT.md: per-boot mean log-ratios, and Student's t over boots.

Everything is in natural logarithms of cost(target) / cost(bare), so that a ratio and its inverse are mirror images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]

POWER = 0.8  # the share of real effects of the size of the MDE that is found
_LARGEST_LOG = 690.0  # e**690 is near 1e300: what is wider is as good as unbounded, and stays a number in JSON


@dataclass(frozen=True)
class Estimate:
    """Log-ratios with their interval and the minimum detectable effect, also in log; arrays of one shape."""

    theta: Floats
    low: Floats
    high: Floats
    mde: Floats


def quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t; `scipy.special.stdtrit`."""
    return float(stdtrit(degrees, probability))


def estimate(differences: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return mean, t interval and MDE of per-boot log-ratios.

    `differences` has the shape (..., K) with K >= 2 boots last; the results have the shape (...). Source:
    MEASUREMENT.md, "Estimate", after Kalibera & Jones (2013): theta +- t(.975, K-1) s / sqrt(K) and
    MDE = (t(.975, K-1) + t(.8, K-1)) s / sqrt(K). Raises ValueError for fewer than two boots.
    """
    d = np.asarray(differences, dtype=np.float64)
    boots = d.shape[-1]
    if boots < 2:  # noqa: PLR2004 - a spread needs two
        raise ValueError("an interval needs two boots")
    t = quantile(0.5 + confidence / 2, boots - 1)
    theta = d.mean(axis=-1)
    error = d.std(axis=-1, ddof=1) / np.sqrt(boots)
    return Estimate(theta, theta - t * error, theta + t * error, (t + quantile(POWER, boots - 1)) * error)


def natural(log: float) -> float:
    """Return e**log, held between 1e-300 and 1e300 so that it stays a finite number."""
    return float(np.exp(np.clip(log, -_LARGEST_LOG, _LARGEST_LOG)))
