"""The rows of the table, from samples whose answers can be worked out by hand."""

import math
from dataclasses import replace

import pytest

from tests.stats.samples import Blocks, block, boots, session
from vbench.model import Cell, Difference, Failure, Sample
from vbench.stats import EVERY, Context, cells, noise_floor, suspects
from vbench.stats.pairs import log_ratios

DIED = Failure("target", "The guest 'kvm' said nothing for 60 s.")


def row(rows: list[Cell], target: str = "kvm") -> Cell:
    (found,) = [cell for cell in rows if cell.target == target]
    return found


def test_the_estimator_by_hand() -> None:
    """Log-ratios of .1, .2 and .3: mean .2, s .1, error .057735; t(.975, 2) = 4.302653, t(.8, 2) = 1.060660."""
    kvm = row(cells(session({"bare": boots(1, 1, 1), "kvm": boots(math.exp(0.1), math.exp(0.2), math.exp(0.3))})))
    error = 0.1 / math.sqrt(3)
    assert kvm.boots == 3
    assert kvm.value == pytest.approx(math.exp(0.2))
    assert kvm.ratio == pytest.approx(math.exp(0.2))
    assert kvm.low == pytest.approx(math.exp(0.2 - 4.302653 * error))
    assert kvm.high == pytest.approx(math.exp(0.2 + 4.302653 * error))
    assert kvm.mde == pytest.approx(math.exp((4.302653 + 1.060660) * error) - 1)
    assert (kvm.comparable, kvm.verdict) == (True, "inconclusive")


def test_blocks_are_medians_and_boots_are_means() -> None:
    """One boot: blocks of medians 2 and 8 against 1 and 1 have the geometric mean 4."""
    samples = session({"bare": [[[1], [1]]], "kvm": [[[1, 2, 100], [8, 8, 9]]]})
    kvm = row(cells(samples))
    assert kvm.ratio == pytest.approx(4)
    assert kvm.value == pytest.approx(4)


def test_one_boot_gives_a_ratio_and_no_interval() -> None:
    kvm = row(cells(session({"bare": boots(1), "kvm": boots(1.5)})))
    assert kvm.ratio == pytest.approx(1.5)
    assert (kvm.low, kvm.high, kvm.mde, kvm.verdict) == (None, None, None, "one boot")


def test_more_is_better_turns_round() -> None:
    samples = session({"bare": boots(100, 100), "kvm": boots(50, 50)}, metric="rate", unit="1/s", better="higher")
    kvm = row(cells(samples))
    assert kvm.value == pytest.approx(50)
    assert kvm.ratio == pytest.approx(2)


def test_bare_is_the_baseline_and_has_no_interval() -> None:
    bare = row(cells(session({"bare": boots(3, 3)})), "bare")
    assert (bare.ratio, bare.low, bare.high, bare.verdict, bare.comparable) == (1.0, None, None, "baseline", True)
    assert bare.value == pytest.approx(3)


def test_warm_ups_are_left_out() -> None:
    warm = block("kvm", 0, 0, [50, 60], warmup=True)
    assert row(cells([*session({"bare": boots(1), "kvm": boots(2)}), *warm])).ratio == pytest.approx(2)


def test_a_boot_without_a_value_is_left_out_on_both_sides_and_named() -> None:
    samples = [
        *session({"bare": boots(1, 10, 1), "kvm": boots(2, 2)}),
        *block("kvm", 2, 0, [None], failure=DIED),
    ]
    kvm = row(cells(samples))
    assert kvm.boots == 2
    assert kvm.ratio == pytest.approx(math.sqrt(2 * 0.2))
    assert "left out for want of a value on both sides: boot 2 block 0" in kvm.warnings
    assert f"1 of 3 iterations failed: {DIED.message}" in kvm.warnings


def test_a_block_without_a_value_on_bare_takes_the_targets_block_along() -> None:
    kvm = row(cells(session({"bare": [[[1], [None]]], "kvm": [[[2], [500]]]})))
    assert kvm.ratio == pytest.approx(2)
    assert any("boot 0 block 1" in warning for warning in kvm.warnings)


def test_a_target_that_only_failed_has_no_number() -> None:
    samples = [*session({"bare": boots(1)}), *block("kvm", 0, 0, [None, None], failure=DIED)]
    kvm = row(cells(samples))
    assert (kvm.value, kvm.ratio, kvm.verdict, kvm.boots, kvm.comparable) == (None, None, "failed", 0, False)
    assert kvm.warnings == (f"2 of 2 iterations failed: {DIED.message}",)


def test_a_metric_that_a_target_never_measured_is_missing() -> None:
    samples = [*session({"bare": boots(1), "kvm": boots(2)}), *session({"bare": boots(1)}, metric="energy", unit="J")]
    (energy,) = [cell for cell in cells(samples) if cell.metric == "energy" and cell.target == "kvm"]
    assert (energy.value, energy.verdict, energy.warnings) == (None, "missing", ("no sample was taken",))


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, -math.inf, 1e200, None])
def test_what_cannot_be_a_cost_is_a_failure(value: float | None) -> None:
    kvm = row(cells(session({"bare": boots(1), "kvm": [[[value]]]})))
    assert (kvm.value, kvm.verdict) == (None, "failed")
    assert "1 of 1 iterations failed" in kvm.warnings[0]
    mixed = row(cells(session({"bare": boots(1), "kvm": [[[value, 2, 2]]]})))
    assert mixed.ratio == pytest.approx(2)
    assert "1 of 3 iterations failed" in mixed.warnings[0]


def test_without_bare_there_is_a_value_and_no_ratio() -> None:
    kvm = row(cells(session({"bare": [[[None]]], "kvm": boots(2)})))
    assert kvm.value == pytest.approx(2)
    assert (kvm.ratio, kvm.verdict, kvm.comparable) == (None, "withheld", False)
    assert kvm.warnings == ("no ratio: 'bare' has no value in the same boots",)


def test_values_in_other_units_never_meet() -> None:
    rows = cells([*session({"bare": boots(1)}), *session({"kvm": boots(1000)}, unit="ms")])
    assert [(cell.unit, cell.target, cell.ratio, cell.verdict) for cell in rows] == [
        ("ms", "bare", None, "missing"),
        ("ms", "kvm", None, "withheld"),
        ("s", "bare", 1.0, "baseline"),
        ("s", "kvm", None, "missing"),
    ]


def test_the_context_is_carried_and_withholds() -> None:
    release = Difference("kernel.release", "6.1", "6.6")
    context = Context(
        accelerators={"kvm": "tcg"},
        differences={("cpu.primes", "kvm"): (release,)},
        withheld={("cpu.primes", "kvm"): ("the guest's clock is wrong",)},
        warnings={(EVERY, "kvm"): ("the image is another one",)},
    )
    samples = session({"bare": boots(1, 1), "kvm": boots(2, 2)})
    kvm = row(cells(samples, context))
    assert (kvm.accelerator, kvm.differences, kvm.verdict) == ("tcg", (release,), "withheld")
    assert (kvm.ratio, kvm.low, kvm.high, kvm.mde) == (None, None, None, None)
    assert kvm.value == pytest.approx(2)
    assert kvm.warnings == ("the guest's clock is wrong", "the image is another one")
    other = row(cells(samples, replace(context, withheld={("disk.randread", "kvm"): ("elsewhere",)})))
    assert other.ratio == pytest.approx(2)


def test_a_reason_on_bare_voids_every_ratio() -> None:
    context = Context(withheld={("cpu.primes", "bare"): ("throttled",)})
    rows = cells(session({"bare": boots(1, 1), "kvm": boots(2, 2)}), context)
    assert [cell.ratio for cell in rows] == [None, None]
    assert row(rows).warnings == ("bare: throttled",)


def test_an_instance_that_changed_within_a_boot_is_named() -> None:
    samples = [
        *session({"bare": [[[1], [1]]]}),
        *block("kvm", 0, 0, [2], instance="first"),
        *block("kvm", 0, 1, [2], instance="second"),
    ]
    assert row(cells(samples)).warnings == ("boot 0 came of 2 instances",)


def test_boots_that_share_an_instance_are_named() -> None:
    samples = [*session({"bare": boots(1, 1)}), *session({"kvm": boots(2, 2.1)}, instance="one")]
    assert "boots share an instance, so they are not independent" in row(cells(samples)).warnings


@pytest.mark.parametrize(("late", "named"), [(1.2, True), (1.01, False)])
def test_a_drift_within_the_blocks_is_named(late: float, named: bool) -> None:
    trace = [1.0, 1.0, 1.1, late, late]
    kvm = row(cells(session({"bare": [[[1] * 5]], "kvm": [[trace]]})))
    assert any("no steady state" in warning for warning in kvm.warnings) == named


def test_a_drift_of_one_boot_among_four_is_chance() -> None:
    """Its mean, 10 %, is above the margin; its interval holds 0."""
    up, level = [1.0, 1.5], [1.0, 1.0]
    kvm = row(cells(session({"bare": boots(1, 1, 1, 1), "kvm": [[up], [level], [level], [level]]})))
    assert not any("no steady state" in warning for warning in kvm.warnings)
    every = row(cells(session({"bare": boots(1, 1, 1, 1), "kvm": [[up]] * 4})))
    assert "no steady state: the second half of a block costs 1.50 times the first" in every.warnings


def test_boots_without_any_spread_are_named() -> None:
    kvm = row(cells(session({"bare": boots(3, 3, 3), "kvm": boots(7, 7, 7)})))
    assert "every boot gave the same ratio: the metric is too coarse for an interval" in kvm.warnings
    spread = row(cells(session({"bare": boots(3, 3, 3), "kvm": boots(7, 7, 7.01)})))
    assert not spread.warnings


def test_the_ranks_object_to_an_interval_that_one_boot_made_wide() -> None:
    """Seven boots at about 10 % and one at 250 %: Student's t includes 1, the signed ranks exclude it."""
    samples = session({"bare": boots(*[1] * 8), "kvm": boots(1.1, 1.11, 1.09, 1.1, 1.12, 1.1, 1.1, 3.5)})
    kvm = row(cells(samples))
    assert kvm.low is not None
    assert kvm.low < 1
    assert any("Hodges-Lehmann" in warning for warning in kvm.warnings)


def test_a_tail_takes_the_hierarchical_bootstrap() -> None:
    samples = session(
        {"bare": [[[1], [1]] for _ in range(6)], "kvm": [[[1.0 + 0.1 * k], [1.2 + 0.1 * k]] for k in range(6)]}
    )
    t = row(cells(samples))
    tail = row(cells(samples, Context(tails=frozenset({("cpu.primes", "duration")}))))
    assert (tail.ratio, tail.mde) == (t.ratio, t.mde)
    assert (tail.low, tail.high) != (t.low, t.high)
    assert tail.low is not None
    assert tail.high is not None
    assert 1.1 < tail.low < 1.35 < tail.high < 1.7
    assert any("approximate" in warning for warning in tail.warnings)


def test_a_metric_that_may_be_zero_is_shown_as_an_arithmetic_mean_and_has_no_ratio() -> None:
    told: dict[str, list[Blocks]] = {"bare": [[[0.0, 0, 0.5]], [[0.0]]], "kvm": [[[0.2], [0.4]], [[0.0], [None]]]}
    samples = session(told, metric="loss", unit="1", zero=True)
    rows = cells(samples)
    assert [(cell.target, cell.value, cell.boots) for cell in rows] == [
        ("bare", 0.0, 2),
        ("kvm", pytest.approx(0.15), 2),
    ]
    for cell in rows:
        assert (cell.ratio, cell.low, cell.mde, cell.comparable, cell.verdict) == (None, None, None, False, "withheld")
        assert "no ratio" in cell.warnings[0]
    assert any("1 of 4 iterations failed" in warning for warning in rows[1].warnings)
    assert log_ratios(samples, "bare") == {}


def test_the_floor_is_the_controls_widest_half_interval_and_silences_smaller_claims() -> None:
    quiet = session({"bare": boots(1, 1, 1), "bare2": boots(1.001, 1, 0.999), "kvm": boots(1.100, 1.101, 1.102)})
    noisy = session(
        {"bare": boots(1, 1, 1), "bare2": boots(1.1, 1, 0.9), "kvm": boots(1.1, 1.1, 1.1)}, workload="disk.randread"
    )
    rows = cells([*quiet, *noisy])
    control = [cell for cell in rows if cell.target == "bare2"]
    halves = [math.sqrt((cell.high or 0) / (cell.low or 1)) - 1 for cell in control]
    assert noise_floor(rows) == pytest.approx(max(halves))
    assert row(cells(quiet)).verdict == "slower"
    silenced = [cell for cell in rows if cell.target == "kvm" and cell.workload == "cpu.primes"]
    assert [cell.verdict for cell in silenced] == ["inconclusive"]
    assert "below the noise floor of the session" in silenced[0].warnings[-1]
    assert row(cells(quiet)).warnings == ()


def test_a_control_that_differs_from_bare_is_a_suspect() -> None:
    trusted = cells(session({"bare": boots(1, 1, 1), "bare2": boots(1.01, 1, 0.99)}))
    assert suspects(trusted) == ((), 1)
    shifted = cells(session({"bare": boots(1, 1, 1), "bare2": boots(1.10, 1.11, 1.12)}))
    assert suspects(shifted) == ((row(shifted, "bare2"),), 1)
    assert noise_floor(cells(session({"bare": boots(1), "bare2": boots(1)}))) is None


def test_faster_than_bare_asks_for_a_second_look() -> None:
    kvm = row(cells(session({"bare": boots(1, 1, 1), "kvm": boots(0.5, 0.51, 0.52)})))
    assert kvm.verdict == "faster"
    assert any("faster than bare" in warning for warning in kvm.warnings)


def test_rows_come_in_a_stable_order() -> None:
    targets = {name: boots(1) for name in ("kvm/kvm", "kvm", "bare2", "podman", "bare")}
    assert [cell.target for cell in cells(session(targets))] == ["bare", "bare2", "kvm", "podman", "kvm/kvm"]


def test_log_ratios_to_any_base() -> None:
    """What `vbench ab` and `vbench compare` start from: D[k], where both sides have a value."""
    samples = session({"old": boots(1, 2, 1), "new": boots(2, 8), "bare": [[[None]]]})
    ((key, target),) = log_ratios(samples, "old")
    assert (key.workload, key.unit, target) == ("cpu.primes", "s", "new")
    assert log_ratios(samples, "old")[key, target] == pytest.approx([math.log(2), math.log(4)])
    assert log_ratios(samples, "absent") == {}


def test_no_samples_give_no_rows() -> None:
    assert cells([]) == []


def test_what_a_target_says_is_bounded() -> None:
    shout = Sample("w", "m", "s", "lower", "kvm", "", 0, 0, 0, None, failure=Failure("job", "x" * 10_000))
    many = [replace(shout, iteration=i, failure=Failure("job", f"reason {i}")) for i in range(50)]
    (cell,) = cells([shout])
    assert len(cell.warnings[0]) < 300
    (cell,) = cells(many)
    assert cell.warnings[-1] == "47 of 50 iterations failed for other reasons"


def test_restored_instances_count_as_one_boot() -> None:
    samples = session({"bare": boots(1.0, 1.1, 0.9), "kvm": boots(2.0, 2.2, 1.8)})
    row = next(cell for cell in cells(samples, Context(restored=frozenset({"kvm"}))) if cell.target == "kvm")
    assert row.ratio == pytest.approx(2.0)
    assert (row.boots, row.low, row.high, row.mde, row.verdict) == (1, None, None, None, "one boot")
    assert any("restored from one boot" in warning for warning in row.warnings)


def test_where_the_first_boots_chose_how_many_there_are_their_spread_makes_the_interval() -> None:
    """Log-ratios of .1, .2, .3 chose five boots: s .1 with t(.975, 2) over sqrt(5), around the mean of all five."""
    ratios = boots(*(math.exp(log) for log in (0.1, 0.2, 0.3, 0.2, 0.2)))
    samples = session({"bare": boots(1, 1, 1, 1, 1), "kvm": ratios})
    kvm = row(cells(samples, Context(pilot=3)))
    half = 4.302653 * 0.1 / math.sqrt(5)
    assert kvm.low == pytest.approx(math.exp(0.2 - half))
    assert kvm.high == pytest.approx(math.exp(0.2 + half))
    plain = row(cells(samples))
    assert plain.high != pytest.approx(kvm.high)
    assert row(cells(samples, Context(pilot=5))).high == plain.high  # there was no second stage


def test_a_boot_of_the_first_stage_that_was_lost_costs_its_degree_of_freedom() -> None:
    ratios = boots(*(math.exp(log) for log in (0.1, 0.3, 0.2, 0.2)))
    samples = session({"bare": boots(1, 1, 1, 1, 1), "kvm": [[[None]], *ratios]})
    kvm = row(cells([s for s in samples if s.value is not None], Context(pilot=3)))
    half = 12.706205 * math.sqrt(0.02) / math.sqrt(4)
    assert kvm.high == pytest.approx(math.exp(0.2 + half))
