"""`vbench run --precision` as it is typed, on bare metal, with jobs whose noise follows from the plan's seed alone."""

import json
import math
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.run.command import Done, Home, interrupted, temporary_home
from vbench.image import Image
from vbench.stats.power import stein, stein_boots

pytestmark = pytest.mark.real
NOISY = 'echo rate $((200 + $(printf %s "$VBENCH_PADDING" | wc -c) % 17))'  # the padding comes from the seed
SEED = ("--seed", "5")


@pytest.fixture(scope="module")
def home(image: Image) -> Iterator[Home]:
    with temporary_home(image.root.parent) as home:
        home.workload("noisy", NOISY)
        yield home


def run(home: Home, workload: str, *words: str) -> Done:
    return home.run("--precision", *words, *SEED, workload=f"own.{workload}")


def shown(home: Home) -> Any:
    return json.loads(home.vbench("show", "--format", "json").stdout)


def stage(home: Home) -> Any:
    return json.loads((home.bundles()[-1] / "stage-2.json").read_text())


def differences(home: Home) -> list[float]:
    """The log-ratio of bare2 to bare in every boot, from the samples."""
    values = {(line["boot"], line["target"]): line["value"] for line in home.lines()}
    boots = sorted({boot for boot, _ in values})
    return [math.log(values[boot, "bare"] / values[boot, "bare2"]) for boot in boots]


def test_noise_takes_the_boots_that_its_first_stage_asks_for(home: Home) -> None:
    done = run(home, "noisy", "2%")
    assert done.returncode == 0, done.stderr
    found = differences(home)
    wanted = stein_boots(found[:8], math.log1p(0.02))
    assert 8 < wanted == len(found) < 60
    assert home.header()["plan"]["profile"]["boots"] == 8
    assert len(home.header()["plan"]["steps"]) == 16
    assert (stage(home)["boots"], stage(home)["plan"]["steps"][0]["number"]) == (wanted, 16)
    row = next(row for row in shown(home)["rows"] if row["target"] == "bare2")
    interval = stein(np.array(found), 8)
    assert (row["low"], row["high"]) == (pytest.approx(math.exp(interval.low)), pytest.approx(math.exp(interval.high)))
    assert math.log(row["high"] / row["low"]) / 2 <= math.log1p(0.02)
    assert f"8 boots in the first stage, {wanted} in all" in " ".join(done.stdout.split())
    assert "own.noisy rate on bare2 decides" in done.stderr
    assert home.vbench("verify").returncode == 0
    path = home.bundles()[-1] / "stage-2.json"
    path.write_text(path.read_text().replace(f'"boots": {wanted}', f'"boots": {wanted + 1}'))
    assert "stage-2.json" in home.vbench("verify").stdout


def test_a_cell_that_cannot_reach_it_is_named_and_the_run_inconclusive(home: Home) -> None:
    done = run(home, "noisy", "1%", "--boots-max", "9")
    assert done.returncode == 3, done.stderr
    (short,) = shown(home)["precision"]["short"]
    assert (short["workload"], short["metric"], short["target"]) == ("own.noisy", "rate", "bare2")
    assert short["half_width"] > 0.01
    assert short["needs"] > 9
    assert "Less precise than asked for: own.noisy rate on bare2" in " ".join(done.stdout.split())
    assert "At most 9 boots are made, which is too few for: own.noisy rate on bare2" in done.stderr
    assert {line["boot"] for line in home.lines()} == set(range(9))


def cut_off(home: Home, workload: str, samples: int) -> None:
    """Kill a run once it has so many samples, and let it go on: what was there stays, and the plan with it."""
    going = home.start("--precision", "2%", *SEED, workload=f"own.{workload}")
    home.await_samples(samples, going)
    assert interrupted(going, signal.SIGKILL) == -signal.SIGKILL
    before, head = home.lines(), home.header()
    done = home.vbench("run", "--resume", "@latest", "--workload-dir", str(home.folder / "workloads"))
    assert done.returncode == 0, done.stderr
    assert (home.lines()[: len(before)], home.header()) == (before, head)


def test_a_run_that_was_cut_off_in_its_first_stage_has_one_for_a_cell_without_noise(image: Image) -> None:
    with temporary_home(image.root.parent) as home:
        home.workload("steady", "echo rate 100")
        cut_off(home, "steady", 5)
        assert (len(differences(home)), stage(home)["boots"], stage(home)["plan"]["steps"]) == (8, 8, [])
        told = {"half_width": 0.02, "most": 60, "first_stage": 8, "boots": 8, "short": []}
        assert shown(home)["precision"] == told


def test_a_run_that_was_cut_off_in_its_second_stage_goes_on_with_it(image: Image) -> None:
    with temporary_home(image.root.parent) as home:
        home.workload("noisy", NOISY)
        cut_off(home, "noisy", 17)
        found = differences(home)
        assert len(found) == stage(home)["boots"] == stein_boots(found[:8], math.log1p(0.02))
        assert home.vbench("verify").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0%"], "'0%' is not a share between 0 and 1."),
        (["2%", "--boots-max", "5"], "The first stage alone takes 8 boots, and 5 are the most. Give --boots-max 8"),
        (["2%", "--restored"], "Guests restored from one boot have no interval"),
    ],
)
def test_usage_errors_come_before_anything_is_run(home: Home, words: list[str], said: str) -> None:
    before = home.bundles()
    done = run(home, "noisy", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert home.bundles() == before
