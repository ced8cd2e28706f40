"""`vbench compare`, `history` and `verify` as they are typed, with every exit code for real."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.reports.runs import COSTS, edit, make
from vbench import paths

pytestmark = pytest.mark.usefixtures("xdg")
Capsys = pytest.CaptureFixture[str]


def test_exit_0_is_no_worse(capsys: Capsys) -> None:
    make("a"), make("b", seed=2)
    said = call(capsys, "compare", "a", "b")
    assert said.code == 0
    assert "No worse: every change is below the margin of 3.0 %." in said.out


def test_exit_1_is_a_regression_found_in_an_injected_slowdown(capsys: Capsys) -> None:
    make("a"), make("b", {**COSTS, "kvm": 1.2 * 1.1}, seed=2)
    said = call(capsys, "compare", "a", "b", "--format", "json")
    assert said.code == 1
    rows = {row["target"]: row for row in json.loads(said.out)["rows"]}
    assert rows["kvm"]["outcome"] == "regressed"
    assert rows["kvm"]["low"] < 1.1 < rows["kvm"]["high"]
    assert call(capsys, "compare", "a", "b", "--margin", "20%").code == 0


def test_exit_2_is_a_usage_or_input_error_with_the_remedy(capsys: Capsys) -> None:
    make("a"), make("b", seed=2, facts={"proc/sys/kernel/osrelease": "6.12.0\n"})
    said = call(capsys, "compare", "a", "b")
    assert (said.code, said.out) == (2, "")
    assert "kernel.release is '6.1.0' in the first and '6.12.0' in the second" in said.err
    assert call(capsys, "compare", "a", "b", "--allow", "kernel.release").code == 0
    for wrong in (["a", "nothing"], ["a", "b", "--margin", "x"], ["a"] * 3, ["a", "a", "--format", "xml"]):
        assert call(capsys, "compare", *wrong).code == 2


def test_exit_3_is_inconclusive(capsys: Capsys) -> None:
    make("a"), make("b", seed=2, boots=1)
    said = call(capsys, "compare", "a", "b")
    assert said.code == 3
    assert "one boot" in said.out


def test_exit_4_measured_nothing(capsys: Capsys) -> None:
    make("a", {"bare": 1.0, "kvm": 1.2}), make("b", {"bare": 1.0, "podman": 1.0})
    said = call(capsys, "compare", "a", "b")
    assert said.code == 4
    assert "Measured nothing" in said.out


def test_an_edited_run_is_an_input_error_and_no_verdict(capsys: Capsys) -> None:
    make("a")
    edit(make("b", seed=2).folder / "samples.jsonl", '"value": 8', '"value": 9')
    said = call(capsys, "compare", "a", "b")
    assert said.code == 2
    assert "The run 'b' was changed after it was sealed: samples.jsonl" in said.err
    assert "vbench verify b" in said.err


def test_a_run_elsewhere_is_named_by_its_path(capsys: Capsys, tmp_path: Path) -> None:
    make("a")
    moved = make("b", seed=2).folder.rename(tmp_path / "moved")
    assert call(capsys, "compare", "a", str(moved)).code == 0
    document = json.loads(call(capsys, "history", "cpu.primes", "--format", "json").out)
    assert [point["run"] for point in document["series"][0]["points"]] == ["a"]  # it is none of the stored ones


def test_the_summary_of_a_github_job_is_appended_to(
    capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("a"), make("b", seed=2)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    said = call(capsys, "compare", "a", "b", "--format", "md")
    assert summary.read_text() == f"before\n{said.out}\n"
    assert "| kvm | rate | 10/10 |" in said.out
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    said = call(capsys, "compare", "a", "b")
    assert said.code == 0
    assert "cannot be written" in said.err


def test_history_shows_the_stored_runs_and_names_what_it_leaves_out(capsys: Capsys) -> None:
    for number in range(4):
        make(f"r{number}", boots=2, seed=number, created=1.8e9 + number)
    edit(paths.runs() / "r1/samples.jsonl", '"value": ', '"value":  ')
    said = call(capsys, "history", "cpu.primes", "--target", "kvm", "--format", "json")
    assert said.code == 0
    document = json.loads(said.out)
    assert [point["run"] for point in document["series"][0]["points"]] == ["r0", "r2", "r3"]
    assert document["left_out"][0]["runs"] == ["r1"]
    assert "Left out: r1" in call(capsys, "history", "cpu.primes").out


def test_history_of_what_is_not_there(capsys: Capsys) -> None:
    assert "There is no run yet." in call(capsys, "history", "cpu.primes").err
    make("a", boots=1)
    said = call(capsys, "history", "cpu.prime")
    assert (said.code, said.err) == (2, "vbench: There is no workload 'cpu.prime'. Did you mean 'cpu.primes'?\n")
    assert call(capsys, "history", "cpu.primes", "--target", "xen").code == 2


def test_verify_says_0_1_and_2(capsys: Capsys) -> None:
    bundle = make("a", boots=2)
    said = call(capsys, "verify", "a")
    assert said.code == 0
    assert "is verified: 16 samples follow from 16 raw outputs" in said.out
    edit(bundle.folder / "raw/000000-0.json", '"status": 0', '"status": 1')
    said = call(capsys, "verify", "a", "--json")
    assert said.code == 1
    assert json.loads(said.out)["findings"][0].startswith("raw/000000-0.json: ")
    assert call(capsys, "verify", "nothing").code == 2
    (bundle.folder / "run.json").write_text("{")
    assert "run.json" in call(capsys, "verify", "a").err


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_what_was_printed_is_verified_too(capsys: Capsys, tmp_path: Path, form: str) -> None:
    make("a", boots=2)
    file = tmp_path / f"table.{form}"
    file.write_text(call(capsys, "show", "a", "--format", form, "--margin", "5%").out)
    said = call(capsys, "verify", str(file))
    assert said.code == 0
    assert "is verified: it follows from 'a', to the byte" in said.out
    edit(file, "slower", "faster")
    said = call(capsys, "verify", str(file), "--json")
    document = json.loads(said.out)
    assert (said.code, document["verified"], len(document["findings"])) == (1, False, 1)
    file.write_text("1.2")
    said = call(capsys, "verify", str(file))
    assert (said.code, said.out) == (2, "")
    assert "Save one with `vbench show RUN --format json > FILE`" in said.err


def test_a_run_of_another_schema_is_refused_by_every_command(capsys: Capsys) -> None:
    edit(make("a", boots=2).folder / "run.json", "vbench.run/1", "vbench.run/9")
    for command in (["compare", "a", "a"], ["verify", "a"]):
        said = call(capsys, *command)
        assert said.code == 2
        assert "has the schema 'vbench.run/9', not 'vbench.run/1'" in said.err
