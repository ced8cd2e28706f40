"""Where the wall time of a run goes, and the sentence that says so."""

import time
from collections.abc import Iterator

import pytest

from vbench.reports.spent import spent
from vbench.run.times import JOBS, OTHER, WARMUPS, Times


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that stands still until it is moved."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


def fail(times: Times, hours: list[float]) -> None:
    with times.spent("servers"):
        hours[0] += 4
        raise OSError("gone")


def test_every_second_counts_once_and_for_the_innermost(hours: list[float]) -> None:
    times = Times()
    hours[0] = 1
    with times.spent("servers"):
        hours[0] = 3
        with times.spent(JOBS):
            hours[0] = 13
        hours[0] = 14
    with pytest.raises(OSError, match="gone"):
        fail(times, hours)  # what fails took its time too
    hours[0] = 20
    assert times.seconds() == {OTHER: 3.0, "servers": 7.0, JOBS: 10.0}


def test_the_share_inside_measured_jobs_is_that_of_all_sessions_of_a_run() -> None:
    sessions = [{JOBS: 40.0, WARMUPS: 20.0, "starting targets": 15.0, "counters": 0.5}, {JOBS: 20.0, OTHER: 4.5}]
    rest = "warm-ups 20 %, starting targets 15 %, the rest 4.5 %"
    (said,) = spent(sessions)
    assert said == f"Of 1 min 40 s of wall time 60 % were inside measured jobs; {rest}."


@pytest.mark.parametrize("sessions", [[], [{}], [{JOBS: 0.0}]])
def test_a_run_of_which_no_times_are_known_says_nothing(sessions: list[dict[str, float]]) -> None:
    assert list(spent(sessions)) == []
