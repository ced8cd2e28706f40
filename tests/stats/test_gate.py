"""The gate and the corrections for many cells, against worked examples and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from vbench.stats.gate import Contrast, gate, overall, paired, unpaired
from vbench.stats.many import benjamini_hochberg, bonferroni, holm


def test_holm_on_a_worked_example() -> None:
    """.01, .04, .03, .005 in order: .005 x 4, .01 x 3, .03 x 2, then the step before holds."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])
    assert holm([]).size == 0


def test_benjamini_hochberg_on_their_own_data() -> None:
    """Benjamini & Hochberg (1995), section 4: of fifteen p values four pass .05, where Bonferroni passes three."""
    p = [1e-4, 4e-4, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1]
    assert (benjamini_hochberg(p) < 0.05).sum() == 4
    assert (np.array(p) < 1 - bonferroni(0.95, 15)).sum() == 3


def test_unpaired_is_welch() -> None:
    rng = np.random.default_rng(3)
    new, base = rng.normal(0.1, 0.05, 8), rng.normal(0, 0.01, 12)
    theirs = stats.ttest_ind(new, base, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    found = unpaired(new, base)
    assert found.degrees == pytest.approx(theirs.df)
    assert found.interval() == pytest.approx((interval.low, interval.high))
    one_sided = stats.ttest_ind(new, base, equal_var=False, alternative="greater")
    assert found.p_above(0.0) == pytest.approx(one_sided.pvalue)


def test_paired_is_student() -> None:
    d = np.random.default_rng(4).normal(0.1, 0.05, 8)
    assert paired(d).p_above(0.05) == pytest.approx(stats.ttest_1samp(d, 0.05, alternative="greater").pvalue)


@pytest.mark.parametrize(
    ("theta", "outcome"), [(0.0, "no worse"), (0.2, "regressed"), (0.03, "inconclusive"), (-0.2, "improved")]
)
def test_the_outcome_of_one_cell(theta: float, outcome: str) -> None:
    assert gate([Contrast(theta, 0.01, 10)]) == [outcome]


def test_one_cell_regresses_where_its_interval_is_above_the_margin() -> None:
    """Holm over one cell is the interval itself: t(.975, 10) = 2.228139 standard errors."""
    just = math.log1p(0.03) + 2.228139 * 0.01
    assert gate([Contrast(just + 1e-6, 0.01, 10)]) == ["regressed"]
    assert gate([Contrast(just - 1e-6, 0.01, 10)]) == ["inconclusive"]


def test_an_effect_that_one_cell_shows_needs_more_among_forty() -> None:
    cell = Contrast(math.log1p(0.03) + 2.5 * 0.01, 0.01, 10)
    assert gate([cell]) == ["regressed"]
    assert gate([cell, *[Contrast(0.0, 0.01, 10)] * 39])[0] == "inconclusive"


@pytest.mark.parametrize(
    ("theta", "outcome"), [(0.5, "regressed"), (0.0, "no worse"), (math.log1p(0.03), "inconclusive")]
)
def test_boots_without_any_spread(theta: float, outcome: str) -> None:
    assert gate([Contrast(theta, 0.0, 5)]) == [outcome]


def test_sessions_without_any_spread() -> None:
    assert unpaired([0.1, 0.1], [0.0, 0.0, 0.0]) == Contrast(0.1, 0.0, 3)


def test_the_whole_is_as_bad_as_its_worst_cell() -> None:
    assert overall([]) is None
    assert gate([]) == []
    assert overall(["no worse", "improved"]) == "no worse"
    assert overall(["no worse", "inconclusive"]) == "inconclusive"
    assert overall(["inconclusive", "regressed", "no worse"]) == "regressed"
