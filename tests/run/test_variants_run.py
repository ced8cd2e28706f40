"""Runs over variants that are cut off: nothing imposed is left behind, and they go on where they were."""

import os
import signal

import pytest

from tests.agent.process import soon, with_words
from tests.run.command import SECONDS, Home, interrupted, leftovers

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.getuid() != 0, reason="control groups and networks are root's")]
BURDENED = "bare:cpu-quota=0.5:rate=100M,bare:slowdown=10%,bare:delay=5ms,bare:iops=1000"


def helpers(home: Home) -> list[int]:
    """Our helpers that run with this home's recorded processes."""
    known = {entry["pid"] for entry in home.started() if entry.get("kind") == "process"}
    return [pid for word in ("burn.py", "shuttle.py") for pid in with_words(word) if pid in known]


def test_what_was_imposed_is_gone_after_sigkill_and_the_next_start(home: Home) -> None:
    home.workload("slow", "sleep 0.4; echo rate 42")
    process = home.start(target=BURDENED, profile="quick")
    home.await_samples(4, process)
    made = home.started()
    running = helpers(home)
    assert len(running) == 2
    assert interrupted(process, signal.SIGKILL) == -signal.SIGKILL
    assert home.run(target="bare").returncode == 0
    assert leftovers(home, made) == []
    assert soon(lambda: not [pid for pid in running if pid in with_words(".py")], SECONDS)


def test_a_run_over_variants_goes_on_and_is_verified(home: Home) -> None:
    home.workload("slow", "sleep 0.2; echo rate 42")
    process = home.start(target="bare:memory=1G,bare#2", profile="quick")
    home.await_samples(5, process)
    assert interrupted(process, signal.SIGINT) == 130
    taken = len(home.lines())
    ident = home.bundles()[-1].name
    done = home.vbench("run", "--resume", ident, "--workload-dir", str(home.folder / "workloads"))
    assert done.returncode == 0, done.stderr
    assert len(home.lines()) == 4 * 3 * 3 > taken
    assert {line["target"] for line in home.lines()} == {"bare", "bare2", "bare#2", "bare:memory=1G"}
    assert home.vbench("verify").returncode == 0
