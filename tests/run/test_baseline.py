"""What costs are relative to: another target than bare, or none."""

import json
from typing import Any

import pytest

from tests.run.command import Home

# The job asks the agent above it which target this is: a job's own environment is the same everywhere.
JOB = "if tr '\\0' '\\n' </proc/$PPID/environ | grep -q HALF; then echo 'rate 50'; else echo 'rate 100'; fi"


@pytest.fixture
def half(home: Home) -> Home:
    """A home with a job, and a target of the user's own that does it half as fast."""
    home.workload("job", JOB)
    home.targets(half=["env", "HALF=1", "{command}"])
    return home


def shown(home: Home, *words: str) -> dict[str, Any]:
    done = home.vbench("show", "@latest", "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def ratios(found: dict[str, Any]) -> dict[str, Any]:
    return {row["target"]: row["ratio"] for row in found["rows"]}


def test_another_baseline_is_measured_twice_and_shown_first(half: Home) -> None:
    done = half.run("--baseline", "half", target="bare")
    assert done.returncode == 0, done.stderr
    assert "Cost is relative to half: above 1 is slower." in " ".join(done.stdout.split())
    found = shown(half)
    assert (found["baseline"], half.header()["baseline"]) == ("half", "half")
    assert list(ratios(found)) == ["half", "half#2", "bare"]
    assert ratios(found) == {"half": 1, "half#2": pytest.approx(1), "bare": pytest.approx(0.5)}
    assert ratios(shown(half, "--baseline", "bare"))["half"] == pytest.approx(2)


def test_without_a_baseline_bare_is_not_measured(half: Home) -> None:
    done = half.run("--baseline", "none", target="half")
    assert done.returncode == 0, done.stderr
    assert "There is no baseline in this run: its values are absolute" in " ".join(done.stdout.split())
    (row,) = shown(half)["rows"]
    assert (row["target"], row["value"], row["ratio"], row["verdict"]) == ("half", pytest.approx(50), None, "absolute")
    assert (half.header()["baseline"], half.header()["plan"]["targets"]) == (None, ["half"])
    verified = half.vbench("verify", "@latest")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--baseline", "hlaf"], "There is no target 'hlaf'. Did you mean 'half'?"),
        (["--baseline", "half#2"], "'half#2' is a control, and no baseline."),
        (["--baseline", "none", "--precision", "5%"], "There are no intervals to narrow without a baseline."),
    ],
)
def test_what_cannot_be_a_baseline_is_a_sentence(half: Home, words: list[str], says: str) -> None:
    done = half.run(*words, target="half")
    assert (done.returncode, half.bundles()) == (2, [])
    assert says in " ".join(done.stderr.split())
