"""What a job may do, on real targets: every failure has a reason, and the others go on."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.run.command import Done, Home, temporary_home
from vbench.image import Image
from vbench.targets.pipe import LACKING

JOBS = {
    "fine": "echo rate 42",
    "hangs": "echo rate 42; sleep 600 & sleep 600",
    "fails": "echo rate 42; echo no such device >&2; exit 3",
    "silent": "exit 4",
    "dies": "echo rate 42; kill -SEGV $$",
    "garbage": "head -c 100000 /dev/urandom",
    "nothing": ":",
    "twice": "echo rate 42; echo rate 43",
    "zero": "echo rate 0",
    "huge": "echo rate 1e30",
    "nan": "echo rate nan",
    "steers": "printf '\\033[2J\\033[31mrate\\n\\377no\\r' >&2; exit 5",
    "missing": "no-such-program",
    "german": "LC_ALL=de_DE.UTF-8; echo rate 1,5",
    "older": "echo version 2: Rate 42",
    "floods": "yes rate 42 | head -c 20000000",
}


@pytest.fixture(scope="module")
def done(image: Image) -> Iterator[tuple[Home, Done]]:
    """One run of all of them on bare and its control."""
    with temporary_home(image.root.parent) as home:
        for name, script in JOBS.items():
            home.workload(name, script, timeout=2 if name == "hangs" else 60)
        yield home, home.run()


def of(done: tuple[Home, Done], name: str) -> list[dict[str, Any]]:
    return [line for line in done[0].lines() if line["workload"] == f"own.{name}"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hangs", "'sh' in 'TARGET' ran past its deadline: rate 42."),
        ("fails", "'sh' in 'TARGET' exited with 3: no such device."),
        ("silent", "'sh' in 'TARGET' exited with 4."),
        ("dies", "'sh' in 'TARGET' was ended by signal 11: rate 42."),
        ("steers", "'sh' in 'TARGET' exited with 5: no."),
        ("missing", f"'sh' in 'TARGET' exited with 127: sh: 1: no-such-program: not found{LACKING}."),
    ],
)
def test_a_job_that_fails_says_how(done: tuple[Home, Done], name: str, said: str) -> None:
    samples = of(done, name)
    assert {sample["target"] for sample in samples} == {"bare", "bare2"}
    for sample in samples:
        assert sample["value"] is None
        message = sample["failure"]["message"].replace("\udcff", "")
        assert (sample["failure"]["blame"], message) == ("job", said.replace("TARGET", sample["target"]))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("german", "its job has set a locale other than C, or prints a list."),
        ("older", "the pattern '^rate ([0-9.einfa-]+)$' occurs nowhere in its output."),
        ("nothing", "the pattern '^rate ([0-9.einfa-]+)$' occurs nowhere in its output."),
    ],
    ids=["another locale", "a tool of another version", "a metric that is missing"],
)
def test_an_output_without_the_number_says_why(done: tuple[Home, Done], name: str, said: str) -> None:
    for sample in of(done, name):
        assert sample["value"] is None
        assert sample["failure"]["message"].startswith(f"'own.{name}' gave no 'rate': ")
        assert sample["failure"]["message"].endswith(said)


@pytest.mark.parametrize("name", ["garbage", "nothing", "twice", "zero", "huge", "nan", "floods"])
def test_a_job_that_says_no_number_gives_none(done: tuple[Home, Done], name: str) -> None:
    samples = of(done, name)
    assert len(samples) == 2
    for sample in samples:
        assert sample["value"] is None
        assert sample["failure"]["blame"] == "job"
        assert sample["failure"]["message"].isprintable()


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--format", "xml"), "'xml'"), (("--margin", "3"), "'3' is not a share"), (("x",), "no run 'x'")],
)
def test_what_cannot_be_shown_is_said(done: tuple[Home, Done], words: tuple[str, ...], said: str) -> None:
    shown = done[0].vbench("show", *words)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_the_others_go_on_and_the_run_is_shown(done: tuple[Home, Done]) -> None:
    home, run = done
    assert [sample["value"] for sample in of(done, "fine")] == [42.0, 42.0]
    assert run.returncode == 0
    assert "Traceback" not in run.stderr
    assert "\x1b" not in run.stdout + run.stderr
    assert "exited with 3: no such device" in " ".join(run.stdout.split())
    assert not list(home.scratch.iterdir())
    for form in ("json", "md", "csv"):
        shown = home.vbench("show", "--format", form)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "\x1b" not in shown.stdout
