"""Sessions over time: changes, predictions, and what is left out of a series."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from vbench.errors import InputError
from vbench.reports.grid import render
from vbench.reports.history import History, history
from vbench.reports.history_render import page
from vbench.store.session import Measured, Session

DEFINITION: dict[str, Any] = {"version": 1, "digest": "d" * 64}
MACHINE: dict[str, Any] = {"cpu.model": "Fast", "cpu.count": 2, "memory.total": 16e9, "kernel.release": "6.1"}
Past = list[tuple[Session, Measured]]


def past(ratios: Sequence[float], noise: float = 0.004, **fields: Any) -> Past:
    """Return one session for each ratio of kvm's, a day apart, as the index knows them."""
    chance = random.Random(7)  # noqa: S311 - noise, not a secret
    found = []
    for day, ratio in enumerate(ratios):
        level = math.log(ratio) + chance.gauss(0, noise)
        session = Session(f"/runs/r{day:02d}", 1.8e9 + 86400 * day, MACHINE, workloads={"cpu.primes": DEFINITION})
        cell = Measured("cpu.primes", "rate", "1/s", "higher", "kvm", None, 3, 9.0, "slower", comparable=True,
                        warnings=(), log_ratios=(level - 0.001, level, level + 0.001))  # fmt: skip
        found.append((replace(session, **fields), cell))
    return found


def told(sessions: Past, **options: Any) -> History:
    cells = [(session.folder, cell) for session, cell in sessions]
    return history("cpu.primes", [session for session, _ in sessions], cells, **options)


def test_a_step_is_found_at_its_run_with_what_changed_along() -> None:
    sessions = past([1.2] * 12 + [1.32] * 12)
    newer = {**MACHINE, "kernel.release": "6.12"}
    sessions = sessions[:12] + [(replace(one, machine=newer), cell) for one, cell in sessions[12:]]
    (series,) = told(sessions).series
    (step,) = series.steps
    assert step.run == "r12"
    assert (round(step.before, 2), round(step.after, 2)) == (1.2, 1.32)
    assert [(one.name, one.base, one.new) for one in step.along] == [("kernel.release", "6.1", "6.12")]
    assert round(series.level, 2) == 1.32
    assert "kernel.release went from '6.1' to '6.12'" in str(render(page(told(sessions)), "md"))


def test_the_newest_is_judged_by_those_before_it() -> None:
    quiet = told(past([1.2] * 20)).series[0]
    assert (quiet.newest, quiet.steps) == ("as predicted", ())
    assert quiet.predicted is not None
    assert quiet.predicted[0] < 1.2 < quiet.predicted[1]
    assert told(past([1.2] * 20 + [1.3])).series[0].newest == "above"
    assert told(past([1.2] * 20 + [1.1])).series[0].newest == "below"


def test_too_few_sessions_predict_nothing() -> None:
    (series,) = told(past([1.2] * 9)).series
    assert (series.predicted, series.newest) == (None, "too few sessions")
    tenth = told(past([1.2] * 10)).series[0]
    assert tenth.predicted is not None
    assert tenth.newest == "too few sessions"  # nine came before it
    after_a_step = told(past([1.2] * 12 + [1.5] * 6)).series[0]
    assert (after_a_step.predicted, after_a_step.newest) == (None, "too few sessions")


def test_a_slow_drift_is_called_one() -> None:
    series = told(past([1.2 + 0.02 * day for day in range(30)])).series[0]
    assert series.drift
    assert "a steady drift" in str(render(page(told(past([1.2 + 0.02 * day for day in range(30)]))), "md"))


def test_other_machines_are_left_out_by_name_and_can_be_asked_for() -> None:
    sessions = past([1.2] * 3)
    other = replace(sessions[0][0], folder="/runs/other", created=1.0, machine={**MACHINE, "cpu.count": 64})
    everything = [(other, sessions[0][1]), *sessions]
    found = told(everything)
    assert [point.run for point in found.series[0].points] == ["r00", "r01", "r02"]
    (left,) = found.left_out
    assert (left.runs, left.reason.startswith("the machine is another")) == (("other",), True)
    fingerprint = left.reason.removesuffix(")").rpartition("(")[2]
    assert [point.run for point in told(everything, kind=fingerprint[:6]).series[0].points] == ["other"]
    with pytest.raises(InputError, match="no machine 'ffff'"):
        told(everything, kind="ffff")


def test_a_kernel_s_share_of_memory_makes_no_other_machine() -> None:
    sessions = past([1.2] * 2)
    less = {**MACHINE, "memory.total": 16e9 - 5e7}
    assert told([(replace(sessions[0][0], machine=less), sessions[0][1]), sessions[1]]).left_out == ()


CHANGED: dict[str, dict[str, Any]] = {
    "workload.cpu.primes": {"workloads": {"cpu.primes": {"version": 2, "digest": "e" * 64}}},
    "settings.cpus": {"settings": {"cpus": 8}},
    "profile.seconds": {"profile": {"seconds": 9}},
    "target.kvm": {"own_targets": {"kvm": ("mine",)}},
}


@pytest.mark.parametrize("name", CHANGED)
def test_sessions_of_another_definition_are_left_out_by_name(name: str) -> None:
    sessions = past([1.2] * 4)
    first = replace(sessions[0][0], **CHANGED[name])
    found = told([(first, sessions[0][1]), *sessions[1:]])
    assert [point.run for point in found.series[0].points] == ["r01", "r02", "r03"]
    assert [(left.runs, name in left.reason) for left in found.left_out] == [(("r00",), True)]


def test_another_accelerator_or_unit_is_another_definition() -> None:
    sessions = past([1.2] * 3)
    first, cell = sessions[0]
    for changed in (replace(cell, accelerator="tcg"), replace(cell, unit="s", better="lower")):
        found = told([(first, changed), *sessions[1:]])
        assert len(found.series[0].points) == 2
        assert found.left_out[0].runs == ("r00",)


def test_a_session_without_a_ratio_is_named_and_no_number() -> None:
    sessions = past([1.2] * 3)
    failed = replace(sessions[1][1], log_ratios=(), verdict="failed", value=None)
    found = told([sessions[0], (sessions[1][0], failed), sessions[2]])
    assert [point.run for point in found.series[0].points] == ["r00", "r02"]
    assert [(left.runs, left.reason) for left in found.left_out] == [
        (("r01",), "no ratio of rate on kvm (failed)"),
    ]


def test_a_run_that_cannot_be_used_is_named() -> None:
    sessions = past([1.2] * 2)
    broken = Session("/runs/broken", trouble="The run 'broken' was changed after it was sealed: samples.jsonl.")
    cells = [(session.folder, cell) for session, cell in sessions]
    found = history("cpu.primes", [broken, *(session for session, _ in sessions)], cells)
    assert [(left.runs, left.reason) for left in found.left_out] == [(("broken",), broken.trouble)]
    assert "Left out: broken: The run 'broken' was changed" in str(render(page(found), "md"))


def test_targets_and_metrics_can_be_chosen_and_misspelt() -> None:
    sessions = past([1.2] * 2)
    sessions += [(one, replace(cell, target="podman", metric="latency")) for one, cell in sessions]
    assert len(told(sessions).series) == 2
    assert [series.target for series in told(sessions, target="podman").series] == ["podman"]
    assert [series.metric for series in told(sessions, metric="rate").series] == ["rate"]
    with pytest.raises(InputError, match="no target 'podmn'"):
        told(sessions, target="podmn")
    with pytest.raises(InputError, match="no metric 'rat'"):
        told(sessions, metric="rat")


def test_json_has_every_session() -> None:
    found = told(past([1.2] * 3, label={"commit": "abc"}))
    document = json.loads(str(render(page(found), "json")))
    assert document["schema"] == "vbench.history/1"
    (series,) = document["series"]
    assert [point["run"] for point in series["points"]] == ["r00", "r01", "r02"]
    assert series["points"][0]["label"] == {"commit": "abc"}
    assert series["predicted"] is None
    assert document["machine"]["memory.total"] == "15 GiB"
    with pytest.raises(InputError, match="no format 'csv'"):
        render(page(found), "csv")
