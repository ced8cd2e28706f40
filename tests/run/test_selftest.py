"""The self-test's judgement on samples whose truth is known, and what it asks of the engine."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from vbench.config import workloads
from vbench.model import BARE, Failure, Sample
from vbench.run.plan import PROFILES
from vbench.run.selftest import TRIALS, Finding, Trial, exit_code, imposable, judge, requests
from vbench.targets.catalogue import Catalogue

HALF = Trial("half", "bare:cpu-quota=0.5", "cpu.primes", "rate", "ratio", 2.0, 0.03)
CAP = Trial("cap", "bare:iops=1000", "disk.randread", "iops", "value", 1000.0, 0.01)
LATE = Trial("late", "bare:delay=5ms", "network.latency", "latency_p50", "added", 0.005, 0.02, "bare:delay=0ms")
SAME = Trial("nothing", "bare2", "cpu.primes", "rate", "ratio", 1.0, 0.005)


def samples(trial: Trial, values: Mapping[str, Sequence[float]]) -> list[Sample]:
    """One sample a boot of each target."""
    metric = next(m for w in workloads() if w.name == trial.workload for m in w.metrics if m.name == trial.metric)
    return [
        Sample(trial.workload, metric.name, metric.unit, metric.better, target, f"{target}-{boot}", boot, 0, 0, value)
        for target, boots in values.items()
        for boot, value in enumerate(boots)
    ]


def around(center: float, spread: float = 0.002, boots: int = 10) -> list[float]:
    chance = random.Random(center)  # noqa: S311 - noise, not a secret
    return [center * math.exp(chance.gauss(0, spread)) for _ in range(boots)]


def judged(trial: Trial, values: Mapping[str, Sequence[float]]) -> Finding:
    return judge([trial], samples(trial, values), "run", of=1)[0]


def test_a_ratio_is_of_costs_whatever_the_metrics_direction() -> None:
    found = judged(HALF, {BARE: around(4400), HALF.target: around(2200)})
    assert (found.outcome, found.boots, found.unit) == ("found", 10, "1")
    assert found.measured == pytest.approx(2, rel=0.01)


def test_an_imposition_that_is_off_by_less_than_its_tolerance_is_found_and_by_more_missed() -> None:
    assert judged(HALF, {BARE: around(4400), HALF.target: around(2200 / 1.02)}).outcome == "found"
    missed = judged(HALF, {BARE: around(4400), HALF.target: around(2200 / 1.06)})
    assert (missed.outcome, missed.reason != "") == ("missed", True)
    assert judged(HALF, {BARE: around(4400), HALF.target: around(4400)}).outcome == "missed"


def test_an_interval_that_holds_the_truth_and_nothing_alike_proves_nothing() -> None:
    slow = Trial("2 %", "bare:slowdown=2%", "cpu.primes", "rate", "ratio", 1.02, 0.005)
    assert judged(slow, {BARE: around(4400, 0.1), slow.target: around(4400 / 1.02, 0.1)}).outcome == "inconclusive"
    assert judged(slow, {BARE: around(4400), slow.target: around(4400 / 1.02)}).outcome == "found"


def test_one_boot_is_inconclusive() -> None:
    found = judged(HALF, {BARE: [4400.0], HALF.target: [2200.0]})
    assert (found.outcome, found.low) == ("inconclusive", None)
    assert found.measured == pytest.approx(2)


def test_nothing_imposed_and_nothing_found() -> None:
    assert judged(SAME, {BARE: around(4400, 0.01), "bare2": around(4401, 0.01)}).outcome == "found"
    assert judged(SAME, {BARE: around(4400), "bare2": around(4200)}).outcome == "missed"


def test_an_a_a_too_wide_to_tell_the_smallest_overhead_from_nothing_proves_nothing() -> None:
    values = {BARE: around(4400), "bare2": around(4401, 0.1), HALF.target: around(2200)}
    slow = Trial("2 %", "bare:slowdown=2%", "cpu.primes", "rate", "ratio", 1.02, 0.005)
    assert [one.outcome for one in judge([SAME, HALF], samples(SAME, values), "run", of=2)] == ["found", "found"]
    narrow = {**values, slow.target: around(4400 / 1.02)}
    assert judge([SAME, HALF, slow], samples(SAME, narrow), "run", of=3)[0].outcome == "inconclusive"


def test_a_cap_is_a_value_and_shows_nothing_where_bare_is_no_faster() -> None:
    found = judged(CAP, {BARE: around(9000, 0.2), CAP.target: around(999)})
    assert (found.outcome, found.unit) == ("found", "1/s")
    assert found.measured == pytest.approx(999, rel=0.01)
    assert judged(CAP, {BARE: around(1000), CAP.target: around(1000)}).outcome == "inconclusive"
    assert judged(CAP, {BARE: around(9000), CAP.target: around(950)}).outcome == "missed"


def test_a_delay_is_a_difference_to_the_same_path_without_it() -> None:
    values = {BARE: around(50e-6), LATE.against: around(70e-6), LATE.target: around(5.07e-3)}
    found = judged(LATE, values)
    assert (found.outcome, found.unit) == ("found", "s")
    assert found.measured == pytest.approx(0.005, rel=0.01)
    assert judged(LATE, {**values, LATE.target: around(7e-3)}).outcome == "missed"
    assert judged(LATE, {**values, LATE.target: around(60e-6)}).outcome == "missed"


def failing(blame: Failure) -> Finding:
    whole = samples(HALF, {BARE: [4400.0, 4400.0], HALF.target: [1.0, 1.0]})
    gone = [replace(s, value=None, failure=blame) if s.target == HALF.target else s for s in whole]
    return judge([HALF], gone, "run", of=1)[0]


def test_what_the_host_could_not_impose_is_no_miss_and_a_target_that_died_is_one() -> None:
    assert failing(Failure("host", "'tc' failed: unknown qdisc.")).outcome == "not imposed"
    found = failing(Failure("target", "it died."))
    assert (found.outcome, found.reason) == ("missed", "it died.")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["found", "found"], 0),
        (["found", "not imposed"], 0),
        (["found", "missed", "inconclusive"], 1),
        (["found", "inconclusive"], 3),
        (["not imposed"], 4),
        ([], 4),
    ],
)
def test_exit_codes(outcomes: Sequence[str], code: int) -> None:
    assert exit_code([Finding(HALF, outcome) for outcome in outcomes]) == code  # type: ignore[arg-type]


def test_more_trials_make_every_interval_wider() -> None:
    values = {BARE: around(4400), HALF.target: around(2200)}
    one, many = (judge([HALF], samples(HALF, values), "run", of=count)[0] for count in (1, 20))
    assert (many.low or 0) < (one.low or 0) < (one.high or 0) < (many.high or 0)


def test_each_run_is_an_ordinary_one_over_targets_that_the_catalogue_knows() -> None:
    catalogue, known = Catalogue(), {workload.name: workload for workload in workloads()}
    asked = list(requests(TRIALS, PROFILES["quick"], 7))
    assert [trial for mine, _ in asked for trial in mine] == list(TRIALS)
    assert len({request.workloads[0] for _, request in asked}) == len(asked)
    for mine, request in asked:
        assert request.shape
        assert (request.shape.boots, request.shape.seconds) == (PROFILES["quick"].boots, 2)
        for trial in mine:
            assert {trial.target, trial.against} <= set(request.targets)
            assert trial.metric in [metric.name for metric in known[trial.workload].metrics]
            assert catalogue.target(trial.target).name == trial.target
        assert any(trial.truth == 1 for trial in mine)  # an A/A in every run


def test_what_cannot_be_imposed_here_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name == "tc" else f"/usr/bin/{name}")
    rate = Trial("rate", "bare:rate=100M", "network.stream", "throughput", "value", 1.0, 0.01)
    possible, impossible = imposable([SAME, rate], Catalogue(), workloads())
    assert possible == (SAME,)
    assert [finding.trial for finding in impossible] == [rate]
    assert impossible[0].outcome == "not imposed"
    assert "is missing. Fix: " in impossible[0].reason


def test_a_plain_user_slows_jobs_and_is_told_what_only_root_imposes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1000)
    possible, impossible = imposable(TRIALS, Catalogue(), workloads())
    assert {trial.target for trial in possible} == {"bare2", *(f"bare:slowdown={n}%" for n in (2, 5, 10))}
    assert {trial.workload for trial in possible} == {"cpu.primes", "disk.randread"}
    assert all(finding.reason.startswith("root") for finding in impossible)
