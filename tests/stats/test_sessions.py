"""History: predictions and changes of level. The rates of both are in test_honesty.py."""

import math

import numpy as np
import pytest

from vbench.stats.sessions import course, prediction

NOISE = np.random.default_rng(11).normal(0, 0.01, 60)


def test_the_prediction_interval_by_hand() -> None:
    """Ten sessions of sd 1: t(.975, 9) = 2.262157, times sqrt(1.1)."""
    past = np.array([-1.0, 1.0] * 5) * math.sqrt(9 / 10)
    half = 2.262157 * math.sqrt(1.1)
    assert prediction(past) == pytest.approx((-half, half))
    assert prediction(past[:9]) is None


def test_a_step_is_found_where_it_is_with_both_levels() -> None:
    found = course([*NOISE[:30], *(NOISE[30:] + 0.05)])
    (change,) = found.changes
    assert abs(change.session - 30) <= 1
    assert change.before == pytest.approx(0.0, abs=0.01)
    assert change.after == pytest.approx(0.05, abs=0.01)
    assert not found.drift


def test_two_steps_are_two_changes() -> None:
    found = course([*NOISE[:20], *(NOISE[20:40] + 0.08), *NOISE[40:]])
    assert [abs(change.session - at) <= 1 for change, at in zip(found.changes, (20, 40), strict=True)] == [True, True]


def test_a_drift_is_called_one() -> None:
    found = course(list(NOISE + np.linspace(0, 0.15, 60)))
    assert found.changes
    assert found.drift


@pytest.mark.parametrize("spikes", [[30], [5, 40], [29, 30, 31]])
def test_spikes_are_no_change(spikes: list[int]) -> None:
    series = NOISE.copy()
    series[spikes] += 0.5
    assert course(list(series)).changes == ()


@pytest.mark.parametrize("series", [[], [0.1], [0.0] * 50, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
def test_nothing_is_found_in_too_little(series: list[float]) -> None:
    assert course(series).changes == ()


def test_levels_without_any_noise() -> None:
    (change,) = course([0.0] * 20 + [0.05] * 20).changes
    assert (change.session, change.before, change.after) == (20, 0.0, 0.05)


def test_ties_and_length_do_not_matter() -> None:
    coarse = np.round(np.random.default_rng(1).normal(0, 0.01, 3000), 2)
    coarse[2000:] += 0.05
    assert [abs(change.session - 2000) < 5 for change in course(list(coarse)).changes] == [True]
