"""Estimators against published numbers, the definitions that they invert, and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from vbench.stats.bootstrap import hierarchical
from vbench.stats.estimate import estimate, natural
from vbench.stats.fieller import fieller
from vbench.stats.power import power, stein, stein_boots
from vbench.stats.ranks import hodges_lehmann, signed_rank_cutoff, walsh

# Student (1908), "The probable error of a mean": hours of sleep gained with two drugs, ten patients.
SLEEP_A = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP_B = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_students_own_data() -> None:
    """Every textbook's paired t: mean 1.58, 95 % interval .70 to 2.46."""
    found = estimate(SLEEP_B - SLEEP_A)
    assert found.theta == pytest.approx(1.58)
    assert found.low == pytest.approx(0.7001, abs=1e-4)
    assert found.high == pytest.approx(2.4599, abs=1e-4)


def test_the_estimate_is_scipys_over_any_leading_shape() -> None:
    d = np.random.default_rng(1).normal(size=(3, 4, 9))
    found = estimate(d, 0.9)
    theirs = stats.ttest_1samp(d, 0, axis=-1).confidence_interval(0.9)
    np.testing.assert_allclose(found.low, theirs.low)
    np.testing.assert_allclose(found.high, theirs.high)


def test_one_boot_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two boots"):
        estimate([0.1])


@pytest.mark.parametrize(("log", "expected"), [(0.0, 1.0), (1e6, 1e300), (-1e6, 1e-300)])
def test_ratios_stay_finite(log: float, expected: float) -> None:
    assert math.log10(natural(log)) == pytest.approx(math.log10(expected), abs=1)


@pytest.mark.parametrize(
    ("boots", "cutoff"), [(5, None), (6, 0), (7, 2), (8, 3), (10, 8), (15, 25), (20, 52), (25, 89)]
)
def test_signed_rank_cutoffs_are_the_tables(boots: int, cutoff: int | None) -> None:
    """Two-sided .05 critical values as in any table of Wilcoxon's signed ranks."""
    assert signed_rank_cutoff(boots) == cutoff


def test_hodges_lehmann_inverts_the_signed_rank_test() -> None:
    """Shifts inside the interval are not rejected by scipy's exact test, shifts just outside are."""
    d = np.random.default_rng(7).normal(0.3, 1.0, 15)
    found = hodges_lehmann(d)
    assert found is not None
    assert walsh(d).size == 120
    for bound, inwards in ((float(found.low), 1e-6), (float(found.high), -1e-6)):
        assert stats.wilcoxon(d - bound - inwards, method="exact").pvalue > 0.05
        assert stats.wilcoxon(d - bound + inwards, method="exact").pvalue <= 0.05
    assert stats.wilcoxon(d - found.theta, method="exact").pvalue > 0.95


def test_ranks_need_six_boots() -> None:
    assert hodges_lehmann([1.0, 2.0, 3.0, 4.0, 5.0]) is None


def test_fieller_inverts_the_paired_t_test() -> None:
    rng = np.random.default_rng(5)
    bare = rng.normal(10, 1, 12)
    target = 1.2 * bare + rng.normal(0, 1, 12)
    found = fieller(target, bare)
    assert found is not None
    for bound in found[1:]:
        assert stats.ttest_1samp(target - bound * bare, 0).pvalue == pytest.approx(0.05)
    assert found[0] == pytest.approx(target.mean() / bare.mean())


def test_fieller_has_no_bounds_where_bare_may_be_zero() -> None:
    assert fieller([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]) is None


def test_power_is_gpowers() -> None:
    """G*Power 3.1, "means: difference from constant", two-tailed: d = .5, n = 34 gives .8078."""
    assert power(0.5, 1.0, 34) == pytest.approx(0.8078, abs=1e-4)
    assert power(0.0, 1.0, 10) == pytest.approx(0.05)
    assert power([-0.5, 8.0, -8.0], 1.0, 34) == pytest.approx([0.8078, 1.0, 1.0], abs=1e-4)


def test_power_is_a_number_for_any_effect() -> None:
    assert power(np.linspace(3, 300, 100), 1.0, 10) == pytest.approx(np.ones(100))
    assert np.all(np.diff(power(np.linspace(0, 3, 100), 1.0, 10)) > -1e-12)


def test_the_mde_is_found_four_times_in_five() -> None:
    d = np.random.default_rng(2).normal(0, 0.01, 20)
    assert power(float(estimate(d).mde), float(d.std(ddof=1)), 20) == pytest.approx(0.8, abs=0.01)


def test_stein_keeps_the_pilots_spread_and_degrees() -> None:
    """Pilot of sd 1 and t(.975, 7) = 2.364624: a half-width of .5 takes ceil(22.37) boots and is then met."""
    pilot = np.array([-1.0, 1.0] * 4) * math.sqrt(7 / 8)
    assert stein_boots(pilot, 0.5) == 23
    assert stein_boots(pilot, 100.0) == 8
    found = stein(np.concatenate([pilot, np.full(15, 0.3)]))
    assert found.theta == pytest.approx(0.3 * 15 / 23)
    assert (found.high - found.low) / 2 == pytest.approx(2.364624 / math.sqrt(23))
    assert found.mde == pytest.approx((2.364624 + 0.896030) / math.sqrt(23))


def test_the_bootstrap_repeats_and_resamples_boots_before_blocks() -> None:
    """Equal blocks in a boot: all spread is between boots, sd of the mean = population sd / sqrt(K)."""
    boots = [[k / 10, k / 10] for k in range(40)]
    low, high = hierarchical(boots)
    assert (low, high) == hierarchical(boots)
    assert (low, high) != hierarchical(boots, seed=1)
    sd = float(np.std(np.arange(40) / 10)) / math.sqrt(40)
    assert (high - low) / 2 == pytest.approx(1.96 * sd, rel=0.06)
    assert (low + high) / 2 == pytest.approx(1.95, abs=0.03)


def test_the_bootstrap_gives_every_boot_the_same_weight() -> None:
    """A boot that lost blocks counts as much as the others: a mean of boot means, .5 here and not 1 / 10."""
    low, high = hierarchical([[0.0] * 9, [1.0]] * 50)
    assert low < 0.5 < high
