"""Hodges-Lehmann: what the ranks say of the same boots, as a cross-check of Student's t."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from vbench.stats.estimate import Floats


@dataclass(frozen=True)
class RankEstimate:
    """The median of the Walsh averages and its distribution-free interval, in log."""

    theta: Floats
    low: Floats
    high: Floats


def walsh(differences: ArrayLike) -> Floats:
    """Return the sorted means of all pairs, each with itself included: (..., K) -> (..., K (K + 1) / 2)."""
    d = np.asarray(differences, dtype=np.float64)
    first, second = np.triu_indices(d.shape[-1])
    return np.sort((d[..., first] + d[..., second]) / 2, axis=-1)


@lru_cache(maxsize=256)
def signed_rank_cutoff(boots: int, confidence: float = 0.95) -> int | None:
    """Return the largest c with P(W <= c) <= (1 - confidence) / 2 for Wilcoxon's signed rank, exactly.

    None where even c = 0 is too likely (fewer than 6 boots at .95). Source: Wilcoxon (1945); the counts are those of
    Hollander, Wolfe & Chicken, "Nonparametric Statistical Methods" (2014), table A.4.
    """
    chance = np.zeros(boots * (boots + 1) // 2 + 1)
    chance[0] = 1.0
    for rank in range(1, boots + 1):  # each rank carries a plus or a minus, with even odds
        moved = np.zeros_like(chance)
        moved[rank:] = chance[:-rank]
        chance = (chance + moved) / 2
    below = np.flatnonzero(np.cumsum(chance) <= (1 - confidence) / 2)
    return int(below[-1]) if below.size else None


def hodges_lehmann(differences: ArrayLike, confidence: float = 0.95) -> RankEstimate | None:
    """Return the Hodges-Lehmann estimate of (..., K) per-boot log-ratios; None where K is too small for `confidence`.

    Source: Hodges & Lehmann (1963); the interval is the Walsh averages at the exact signed-rank cut-offs.
    """
    averages = walsh(differences)
    cutoff = signed_rank_cutoff(np.shape(differences)[-1], confidence)
    if cutoff is None:
        return None
    return RankEstimate(np.median(averages, axis=-1), averages[..., cutoff], averages[..., -1 - cutoff])
