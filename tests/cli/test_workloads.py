"""`vbench workloads`, and what a run without a choice takes."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.calls import call
from vbench.cli.own import selection, within
from vbench.config import workloads
from vbench.workloads import search, select

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "workloads"
SHIPPED = workloads()
Capsys = pytest.CaptureFixture[str]


def test_the_list_is_grouped_and_fits_80_columns(capsys: Capsys) -> None:
    done = call(capsys, "workloads")
    lines = done.out.splitlines()
    assert done.code == 0
    assert max(map(len, lines)) <= 80
    families = list(dict.fromkeys(workload.family for workload in SHIPPED))
    assert [line.strip() for line in lines if line.strip() in families] == families
    listed = [line.split()[0] for line in lines if line.startswith(" ") and not line.startswith("  ")]
    assert [name for name in listed if "." in name] == [workload.name for workload in SHIPPED]
    assert lines[-1].startswith(f"{len(SHIPPED)} of {len(SHIPPED)} workloads.")


def test_words_and_tags_only_filter(capsys: Capsys) -> None:
    chosen = search(select(SHIPPED, tags=["latency"]), ["disk."])
    found = json.loads(call(capsys, "workloads", "disk.", "--tag", "latency", "--json").out)
    assert found["schema"] == "vbench.workloads/1"
    assert [row["name"] for row in found["workloads"]] == [workload.name for workload in chosen]
    assert all(list(row) == ["name", "version", "summary", "tags", "metrics"] for row in found["workloads"])
    assert "disk.randread" in call(capsys, "workloads", "RANDOM", "disk").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disk", "teapot"), "No workload has 'disk' and 'teapot' in its name, tags or summary."),
        (("--tag", "quik"), "There is no tag 'quik'. Did you mean 'quick'?"),
        (("--explain", "disk.randraed"), "There is no workload 'disk.randraed'. Did you mean 'disk.randread'?"),
        (("--workload-dir", "/no/such"), "'/no/such' holds no workload."),
    ],
)
def test_what_is_not_there_is_named(capsys: Capsys, words: tuple[str, ...], said: str) -> None:
    done = call(capsys, "workloads", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


def test_one_is_explained_the_user_s_own_too(capsys: Capsys) -> None:
    done = call(capsys, "workloads", "--workload-dir", str(EXAMPLES), "--explain", "app.sort")
    assert done.code == 0
    for said in ("app.sort, version ", "python3 '{work}/sort.py' sort", str(EXAMPLES)):
        assert said in done.out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("summary =", "sumary =", "There is no key 'sumary'. Did you mean 'summary'?"),
        ("([0-9.]+) ms", "([0-9.]+ ms", "The source of the metric 'duration' cannot be read"),
    ],
    ids=["a wrong key", "a pattern that is none"],
)
@pytest.mark.usefixtures("xdg")
def test_a_file_that_is_wrong_is_named_with_its_place(
    capsys: Capsys, tmp_path: Path, old: str, new: str, said: str
) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "mine")
    file = tmp_path / "mine" / "app" / "sort.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    for words in (("workloads",), ("run", "--target", "bare")):
        done = call(capsys, *words, "--workload-dir", str(tmp_path / "mine"))
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert f"In '{file}': {said}" in done.err


def test_a_run_without_a_choice_takes_what_is_quick_and_says_what_else_there_is() -> None:
    chosen = selection(SHIPPED, [], [], [])
    quick = [workload.name for workload in SHIPPED if "quick" in workload.tags]
    assert [workload.name for workload in select(SHIPPED, chosen.globs, chosen.tags)] == quick
    others = len(SHIPPED) - len(quick)
    assert chosen.remark.startswith(f"{len(quick)} workloads are tagged quick and were chosen; {others} others")
    assert "--workload '*'" in chosen.remark


def test_what_the_user_brings_is_what_is_run_unless_chosen_otherwise() -> None:
    both = workloads([EXAMPLES])
    mine = within(both, [EXAMPLES])
    assert [workload.name for workload in mine] == ["app.sort"]
    assert selection(both, mine, [], []).globs == ["app.sort"]
    for globs, tags in ((["cpu.*"], []), ([], ["latency"])):
        assert (selection(both, mine, globs, tags).globs, selection(both, mine, globs, tags).tags) == (globs, tags)
        assert not selection(both, mine, globs, tags).remark
