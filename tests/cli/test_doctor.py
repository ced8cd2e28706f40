"""`vbench doctor` as people and programs call it, on this machine."""

import json
import os
import subprocess
import sys
from math import expm1
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.run.live_knob import ALLOWED, borrowed
from vbench.cli.doctor import _print, _value
from vbench.image import Image
from vbench.run.quiet.finding import SEVERITIES, Finding
from vbench.run.quiet.journal import Journal
from vbench.run.quiet.noise import JOBS, Noise, effect, finding, spread_interval
from vbench.stats.estimate import estimate


def doctor(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "vbench", "doctor", *words]
    env = {**os.environ, "COLUMNS": "80", **environment}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=env)


def document(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.usefixtures("xdg")
def test_the_json_form_is_whole_and_true() -> None:
    found = document(doctor("--quick", "--json"))
    assert found["schema"] == "vbench.doctor/1"
    assert found["noise"] == []
    keys = {"what", "value", "severity", "why", "fix", "unit", "reversible", "tunable", "source"}
    assert all(set(one) == keys for one in found["findings"])
    order = [SEVERITIES.index(one["severity"]) for one in found["findings"]]
    assert order == sorted(order)
    assert sum(found["severities"].values()) == len(order)
    named = {one["what"]: one for one in found["findings"]}
    assert len(named) == len(order)
    governed = any(Path("/sys/devices/system/cpu/cpufreq").glob("policy*"))
    assert (named["cpu.governor"]["value"] == "none") == (not governed)
    assert (named["memory.ksm"]["value"] == "yes") == (Path("/sys/kernel/mm/ksm/run").read_text().strip() == "1")


@pytest.mark.usefixtures("xdg")
def test_the_table_fits_a_terminal_and_names_every_finding() -> None:
    found = document(doctor("--quick", "--json"))
    done = doctor("--quick")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    # what is measured anew may have another severity now, but is named in any
    assert all(one["what"] in done.stdout for one in found["findings"])
    assert "A/A" not in done.stdout


@pytest.mark.parametrize("words", [("--tune", "--undo"), ("--tune", "--quick"), ("--undo", "--quick"), ("--loud",)])
def test_what_makes_no_sense_is_a_usage_error(words: tuple[str, ...], xdg: Path) -> None:
    done = doctor(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert not (xdg / "state" / "vbench").exists()


@pytest.mark.usefixtures("xdg")
def test_nothing_to_undo_is_said() -> None:
    assert "nothing to undo" in doctor("--undo").stdout
    assert document(doctor("--undo", "--json"))["turns"] == []


@pytest.mark.skipif(not ALLOWED, reason="this user may not turn the knob")
@pytest.mark.usefixtures("xdg")
def test_this_machine_is_tuned_and_restored() -> None:
    with borrowed("17") as knob:
        try:
            turns = {turn["path"]: turn for turn in document(doctor("--tune", "--json"))["turns"]}
            assert (turns[str(knob)]["state"], turns[str(knob)]["before"]) == ("tuned", "17")
            assert knob.read_text().strip() == "0"
            seen = {one["what"]: one for one in document(doctor("--quick", "--json"))["findings"]}
            assert seen["vbench.tuning"]["value"] == sum(turn["state"] == "tuned" for turn in turns.values())
            assert (seen["vbench.tuning"]["severity"], seen["vbench.tuning"]["reversible"]) == ("note", True)
            assert "memory.compaction" not in seen
            assert "--undo" in doctor("--quick").stdout
            assert "17" in doctor("--undo").stdout
            assert knob.read_text().strip() == "17"
        finally:
            doctor("--undo")


@pytest.mark.skipif(os.geteuid() != 0 or not ALLOWED, reason="only root can become somebody else")
def test_a_user_without_rights_is_told_for_each_knob() -> None:
    python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    if subprocess.run([*python, "-c", "import vbench"], capture_output=True, check=False).returncode:
        pytest.skip("nobody may not run this Python")
    argv = [*python, "-m", "vbench", "doctor"]
    with TemporaryDirectory() as home, borrowed("17") as knob:
        os.chown(home, 65534, 65534)
        env = {"PATH": os.environ["PATH"], "HOME": home}
        tuned = subprocess.run([*argv, "--tune", "--json"], capture_output=True, text=True, check=False, env=env)
        looked = subprocess.run([*argv, "--quick", "--json"], capture_output=True, text=True, check=False, env=env)
        assert knob.read_text().strip() == "17"
        turns = {turn["path"]: turn for turn in document(tuned)["turns"]}
        assert turns[str(knob)]["state"] == "refused"
        assert "Permission denied" in turns[str(knob)]["note"]
        seen = {one["what"]: one for one in document(looked)["findings"]}
        assert (seen["vbench.tuning"]["value"], seen["vbench.tuning"]["severity"]) == (0, "fine")
        assert seen["neighbours.guests"]["severity"] in ("unknown", "disturbs")  # root's descriptors are hidden


def test_a_damaged_journal_does_not_keep_the_doctor_from_looking(xdg: Path) -> None:
    Journal().folder.mkdir(parents=True)
    Journal().path.write_text("{")
    seen = {one["what"]: one for one in document(doctor("--quick", "--json"))["findings"]}
    assert seen["vbench.tuning"]["severity"] == "unknown"
    assert "damaged" in seen["vbench.tuning"]["why"]
    done = doctor("--undo")
    assert (done.returncode, done.stdout) == (2, "")
    assert str(xdg) in done.stderr


@pytest.mark.usefixtures("xdg")
def test_without_an_image_the_noise_is_unknown_and_the_rest_is_told() -> None:
    found = document(doctor("--json"))
    assert [noise["workload"] for noise in found["noise"]] == list(JOBS)
    assert all("vbench image build" in noise["failure"] and noise["spread"] is None for noise in found["noise"])
    named = {one["what"]: one["severity"] for one in found["findings"]}
    assert {named[f"noise.{job}"] for job in JOBS} == {"unknown"}


@pytest.mark.real
def test_the_same_job_twice_gives_the_noise_of_a_run(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = document(doctor("--json"))
    assert image.digest
    assert [noise["workload"] for noise in found["noise"]] == list(JOBS)
    for noise in found["noise"]:
        assert noise["failure"] == ""
        assert noise["pairs"] == 5
        assert 0 < noise["low"] <= noise["ratio"] <= noise["high"]
        assert 0 < noise["spread_low"] < noise["spread"] < noise["spread_high"]
        effects = [noise["mde"][boots] for boots in ("3", "10", "20")]
        assert effects == sorted(effects, reverse=True)
    assert not list((tmp_path / "vbench" / "ledgers").glob("*.jsonl"))


def test_the_smallest_effect_is_that_of_the_estimator() -> None:
    means = [0.01, -0.02, 0.03, 0.0, -0.01]
    spread = 0.0192353841  # by hand: the mean is .002, the squares sum to .00148, / 4
    assert effect(spread, 5) == pytest.approx(expm1(float(estimate(means).mde)), rel=1e-6)


def test_the_interval_of_a_spread_is_the_textbooks() -> None:
    low, high = spread_interval(1.0, 5)  # chi-squared with 4 degrees: .4844 and 11.1433
    assert (low, high) == pytest.approx(((4 / 11.1433) ** 0.5, (4 / 0.4844) ** 0.5), rel=1e-4)


@pytest.mark.parametrize(
    ("spread", "effect_of_ten", "severity"),
    [
        (0.005, 0.01, "fine"),
        (0.03, 0.031, "note"),
        (0.08, 0.08, "disturbs"),
        (0.2, 0.22, "severe"),
        (0.0, 0.0, "unknown"),
    ],
)
def test_an_a_a_is_judged_by_what_a_usual_run_would_find(spread: float, effect_of_ten: float, severity: str) -> None:
    noise = Noise("cpu.primes", "rate", 5, 1.0, 0.9, 1.1, spread, spread, spread, {10: effect_of_ten})
    assert finding(noise).severity == severity


def test_hostile_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    why = "a guest beside us: [bold]x[/nope] (7)"
    found = [Finding("neighbours.guests", 1, "disturbs", why, "stop it", "1", True)]
    found += [Finding("memory.ksm", "not-permitted", "unknown", "why", "run as root to see it")]
    failed = [Noise("disk.randread", "iops", failure="[red]no")]
    _print(found, failed)
    said = capsys.readouterr().out
    assert "[bold]x[/nope]" in said
    assert "[red]no" in said
    assert "memory.ksm (run as root to see it)" in said


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.1234, "1", "12.3 %"), (3, "1", "3"), ("none", None, "none"), (2.4e9, "Hz", "2.40 GHz"), (8.0, "1", "8.0")],
)
def test_values_are_printed_in_their_units(value: float | str, unit: str | None, text: str) -> None:
    assert _value(Finding("x", value, "note", "why", unit=unit)) == text


def test_the_journal_lies_among_the_states(xdg: Path) -> None:
    assert Journal().path == xdg / "state" / "vbench" / "tuning.json"
