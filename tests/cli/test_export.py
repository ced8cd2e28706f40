"""`vbench export` and `vbench import` as people and CI scripts call them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.reports.bundles import bundle, everything
from tests.workloads.foreign_outputs import fio3
from vbench import paths
from vbench.cli import app
from vbench.errors import NOTHING, USAGE
from vbench.reports.exports import FORMATS

ROOT = Path(__file__).parents[2]
CI = sorted((ROOT / "docs/examples/ci").glob("*.y*ml"))

pytestmark = pytest.mark.usefixtures("xdg")


def vbench(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-m", "vbench", *words], capture_output=True, check=False, cwd=cwd)


@pytest.fixture
def run() -> str:
    return bundle(paths.runs() / "20261120-100000-a1b2", everything()).ident


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_on_standard_output_and_in_a_file(run: str, form: str, tmp_path: Path) -> None:
    printed = vbench("export", run, "--to", form)
    saved = vbench("export", "@latest", "--to", form, "-o", str(tmp_path / "out"))
    assert (printed.returncode, saved.returncode) == (0, 0), printed.stderr + saved.stderr
    assert (tmp_path / "out").read_bytes() == printed.stdout != b""
    assert saved.stdout == b""


def test_a_run_with_nothing_in_it_ends_with_4() -> None:
    bundle(paths.runs() / "20261120-100000-a1b2", [])
    done = vbench("export", "@latest", "--to", "bmf")
    assert done.returncode == NOTHING
    assert b"There is no value in '20261120-100000-a1b2'" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "bfm"], b"Did you mean 'bmf'?"),
        (["--to", "csv", "-o", "/nowhere/out"], b"'/nowhere/out' cannot be written"),
        (["--to", "csv", "--margin", "much"], b"'much' is not a share"),
        ([], b"--to"),
    ],
)
def test_wrong_words_end_with_2(run: str, words: list[str], said: bytes) -> None:
    done = vbench("export", run, *words)
    assert done.returncode == USAGE
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_imported_files_are_shown_and_exported(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(fio3("read"))
    (tmp_path / "b=c.json").write_text(fio3("read").replace("10000.5", "5000.25"))
    words = ["import", "a.json", "kvm=b=c.json", "--workload", "disk.lab", "--target", "bare", "--label", "rack=7"]
    done = vbench(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"disk.lab iops" in done.stdout
    document = json.loads(vbench("show", "@latest", "--format", "json").stdout)
    ratios = {row["metric"]: row["ratio"] for row in document["rows"] if row["target"] == "kvm"}
    assert ratios["iops"] == pytest.approx(2.0)
    assert json.loads(vbench("export", "@latest", "--to", "bmf").stdout)["disk.lab on kvm"]["iops"]["value"] > 5000
    assert vbench("verify", "@latest").returncode == 0


def test_a_file_may_have_an_equals_sign_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "bs=4k.json").write_text(fio3("read"))
    done = vbench("import", "bs=4k.json", "--workload", "disk.lab", "--target", "bare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_file_without_a_target_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(fio3("read"))
    done = vbench("import", "a.json", "--workload", "disk.lab", cwd=tmp_path)
    assert done.returncode == USAGE
    assert b"on which target 'a.json' was measured. Write TARGET=a.json" in done.stderr
    assert not paths.runs().exists()


def commands(node: Any) -> Iterator[list[str]]:
    """Yield the words of every command line that begins with vbench, wherever in the document it stands."""
    if isinstance(node, dict):
        for child in node.values():
            yield from commands(child)
    elif isinstance(node, list):
        for child in node:
            yield from commands(child)
    elif isinstance(node, str):
        joined = node.replace("\\\n", " ")
        yield from (line.split() for line in re.findall(r"^\s*vbench (.*)$", joined, re.MULTILINE))


@pytest.mark.parametrize("path", CI, ids=lambda path: path.name)
def test_the_ci_examples_say_what_this_vbench_understands(path: Path) -> None:
    known: Any = typer.main.get_command(app)
    found = list(commands(yaml.safe_load(path.read_text())))
    assert len(found) > 1
    for words in found:
        command, used = known, iter(words)
        while hasattr(command, "commands"):
            name = next(used)
            assert name in command.commands, words
            command = command.commands[name]
        options = {option for one in command.params for option in one.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, words


def test_both_ci_examples_are_there() -> None:
    assert [path.name for path in CI] == ["github-actions.yml", "gitlab-ci.yml"]


def test_the_github_example_is_a_workflow() -> None:
    document = yaml.safe_load(CI[0].read_text())
    triggers = document[True]  # YAML 1.1 reads the key `on` as true
    assert "pull_request" in triggers
    for job in document["jobs"].values():
        assert {"runs-on", "steps"} <= job.keys()
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])


def test_the_gitlab_example_has_jobs_with_scripts_and_reports() -> None:
    document = yaml.safe_load(CI[1].read_text())
    jobs = {name: job for name, job in document.items() if isinstance(job, dict) and "script" in job}
    assert jobs
    assert any("junit" in job.get("artifacts", {}).get("reports", {}) for job in jobs.values())


def test_the_script_of_an_example_ends_with_the_exit_code_of_compare(tmp_path: Path) -> None:
    """An inconclusive comparison must not fail a pipeline as a regression does: the examples say so in shell."""
    (step,) = [
        step["run"]
        for step in yaml.safe_load(CI[0].read_text())["jobs"]["measure"]["steps"]
        if "vbench compare" in step.get("run", "")
    ]
    for code, expected in ((0, 0), (1, 1), (2, 2), (3, 0), (4, 4)):
        tool = tmp_path / "vbench"
        tool.write_text(f"#!/bin/sh\nexit {code}\n")
        tool.chmod(0o755)
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-e", "-c", step], check=False, capture_output=True, env=env, cwd=tmp_path)
        assert done.returncode == expected, (code, done.stderr)
