"""The gate of `vbench compare` and `vbench ab`: is a change no worse, and when does it fail a build."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, log1p, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from vbench.stats.estimate import quantile
from vbench.stats.many import holm

Outcome = Literal["improved", "no worse", "regressed", "inconclusive"]


@dataclass(frozen=True)
class Contrast:
    """A log-ratio of costs, new to base, with its standard error and degrees of freedom."""

    theta: float
    error: float
    degrees: float

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the t interval in log."""
        half = quantile(0.5 + confidence / 2, self.degrees) * self.error
        return self.theta - half, self.theta + half

    def p_above(self, bound: float) -> float:
        """Return the one-sided p value of "the log-ratio is at most `bound`"."""
        distance = self.theta - bound
        if not self.error:  # boots without any spread leave no doubt, except on the bound itself
            return 0.5 - copysign(0.5, distance) if distance else 0.5
        return float(stdtr(self.degrees, -distance / self.error))


def paired(differences: ArrayLike) -> Contrast:
    """Return the contrast of K >= 2 per-boot log-ratios whose two sides ran interleaved; Student's t."""
    d = np.asarray(differences, dtype=np.float64)
    return Contrast(float(d.mean()), float(d.std(ddof=1)) / sqrt(d.size), d.size - 1)


def unpaired(new: ArrayLike, base: ArrayLike) -> Contrast:
    """Return the contrast of two sessions' per-boot log-ratios to their own bare, K >= 2 each. Source: Welch (1947)."""
    sides = [np.asarray(side, dtype=np.float64) for side in (new, base)]
    variances = [float(side.var(ddof=1)) / side.size for side in sides]
    total = sum(variances)
    spread = sum(variance**2 / (side.size - 1) for variance, side in zip(variances, sides, strict=True))
    degrees = total**2 / spread if spread else sum(side.size - 1 for side in sides)
    return Contrast(float(sides[0].mean() - sides[1].mean()), sqrt(total), degrees)


def gate(contrasts: Sequence[Contrast], margin: float = 0.03, confidence: float = 0.95) -> list[Outcome]:
    """Return the outcome of every cell, in order.

    A cell regresses where its lower bound is above 1 + margin with Holm's correction over all cells, so that a family
    without a regression raises an alarm in at most (1 - confidence) / 2 of cases. "No worse" needs no correction: all
    cells must pass. Source: MEASUREMENT.md, "Verdicts"; Berger (1982) for the latter.
    """
    if not contrasts:
        return []
    bound = log1p(margin)
    alarms = holm([contrast.p_above(bound) for contrast in contrasts]) < (1 - confidence) / 2
    return [
        "regressed" if alarm else _otherwise(contrast.interval(confidence)[1], margin)
        for contrast, alarm in zip(contrasts, alarms, strict=True)
    ]


def _otherwise(high: float, margin: float) -> Outcome:
    if high < log1p(-margin):
        return "improved"
    return "no worse" if high < log1p(margin) else "inconclusive"


def overall(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the outcome of the whole; None where nothing was compared."""
    worst: tuple[Outcome, ...] = ("regressed", "inconclusive")
    return next((outcome for outcome in worst if outcome in outcomes), "no worse" if outcomes else None)
