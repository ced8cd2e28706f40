"""What the user brings: a command line and a suite of pytest-benchmark become workloads like all others."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.run.command import Home, interrupted
from vbench.errors import InputError
from vbench.model import Failure
from vbench.run.own import command, luggage, readings
from vbench.workloads import Workload, expand, parse
from vbench.workloads.foreign import read

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "workloads"
TOOL = """#!/bin/sh
echo '{"runs": [{"size": %s}]}'
printf 'speed %s Mbit/s\\n' "$1"
"""


@pytest.mark.parametrize(
    ("word", "name", "unit", "better", "scale", "source"),
    [
        ("rate=([0-9.]+) req/s", "rate", "1/s", "higher", 1.0, "([0-9.]+) req/s"),
        ("latency_p99:ms=p99=([0-9.]+)", "latency_p99", "s", "lower", 1e-3, "p99=([0-9.]+)"),
        ("iops=$.jobs[0].read.iops", "iops", "1/s", "higher", 1.0, "jobs[0].read.iops"),
        ("first:KiB=$[0]", "first", "B", "lower", 1024.0, "[0]"),
        ("throughput:Gbit/s=([0-9]+)", "throughput", "B/s", "higher", 1.25e8, "([0-9]+)"),
        ("score:1:higher=score: ([0-9]+)", "score", "1", "higher", 1.0, "score: ([0-9]+)"),
        ("frames:1/s:lower=([0-9]+)", "frames", "1/s", "lower", 1.0, "([0-9]+)"),
    ],
)
def test_a_word_says_name_unit_direction_and_place(
    word: str, name: str, unit: str, better: str, scale: float, source: str
) -> None:
    found = readings.reading(word)
    assert (found.name, found.unit, found.better, found.scale) == (name, unit, better, scale)
    assert source in {found.pattern, found.json}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("([0-9]+)", "'([0-9]+)' says of no metric where it stands."),
        ("rate=([0-9]+", "The source of the metric 'rate' cannot be read"),
        ("rate=[0-9]+", "has 0 groups instead of one"),
        ("rate=$.runs[", "The source of the metric 'rate' cannot be read"),
        ("size:kb=([0-9]+)", "There is no unit 'kb'."),
        ("rate:ms=([0-9]+)", "'rate' is always in '1/s'"),
        ("speed=([0-9]+)", "The unit of 'speed' is not known."),
        ("score:1=([0-9]+)", "Nothing says whether more of 'score' is better."),
    ],
)
def test_a_word_that_says_nothing_is_named(word: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        command.workload("true", [word], [], 60)
    assert caught.value.message.startswith(f"In --parse '{word}': ")
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--parse", "rate=([0-9]+)"), "'--parse' belongs to a '--command'."),
        (("--site", "x"), "'--site' belongs to a '--pytest'."),
        (("--command", "true", "--parse", "rate=("), "The source of the metric 'rate' cannot be read"),
        (("--command", "a\udcff"), "is not UTF-8"),
        (("--command", "true", "--file", "/no/such"), "'/no/such' cannot be read: No such file"),
        (("--command", "true", "--file", "/"), "'/' has no name of its own"),
        (("--pytest", "/no/such"), "'/no/such' cannot be read: No such file"),
        (("--command", "true", "--workload", "nothing.*"), "There is no workload 'nothing.*'"),
    ],
)
@pytest.mark.usefixtures("xdg")
def test_what_is_wrong_is_named(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    done = call(capsys, "run", "--target", "bare", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


@pytest.mark.usefixtures("xdg")
def test_a_wheel_with_compiled_code_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.whl").write_text("")
    done = call(capsys, "run", "--pytest", str(tmp_path), "--site", str(tmp_path))
    assert done.code == 2
    assert "x86_64.whl' is not pure Python. Unpack it: `pip install --target FOLDER WHEEL`." in done.err


def brought(folder: Path, line: str = "sh tool.sh 5", **changes: str) -> Workload:
    """The workload of a command with one file."""
    (folder / "tool.sh").write_text(changes.get("tool", TOOL))
    return command.workload(line, [changes.get("word", "rate=([0-9]+)")], [folder / "tool.sh"], 60)


def test_the_same_words_and_files_are_the_same_workload(tmp_path: Path) -> None:
    workload = brought(tmp_path)
    os.utime(tmp_path / "tool.sh", (1, 1))
    assert workload.name == "own.sh-tool-sh-5"
    assert brought(tmp_path).digest == workload.digest
    others = (brought(tmp_path, tool="exit"), brought(tmp_path, word="iops=(.)"), brought(tmp_path, "sh tool.sh -5"))
    assert len({workload.digest, *(other.digest for other in others)}) == 4


def test_a_command_is_what_the_user_typed_and_names_are_bounded() -> None:
    line = "awk '{print $1}' \"$data/x\" # ünïcode \x7f"
    workload = command.workload(line, [], [], 60)
    argv = expand(workload.job.argv, {"data": "/data/x"})
    assert argv == ("env", "data=/data/x", "sh", "-c", line)
    assert "seconds" not in " ".join(workload.job.argv), "a job that is told its seconds is held to them"
    long = [command.workload(f"{'x' * 300} {number}", [], [], 60).name for number in range(2)]
    assert len(set(long)) == 2
    assert max(map(len, long)) < 60


def test_the_clock_is_a_source_like_json_and_pattern() -> None:
    workload = command.workload("true", [], [], 60)
    assert parse(workload, "whatever it says", 1.5) == {"duration": 1.5}
    unknown = parse(workload, "a file that was imported")["duration"]
    assert isinstance(unknown, Failure)
    assert "nothing says how long the job took" in unknown.message
    for spoilt, said in (({"pattern": "(.)"}, "needs one source"), ({"scale": 2.0}, "is no time by the clock")):
        with pytest.raises(InputError, match=said):
            replace(readings.clock(), **spoilt)


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {entry.name: entry for entry in opened}


def test_a_tree_is_packed_without_what_differs_from_machine_to_machine(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tree / ".git").mkdir()
    (tree / ".git" / "config").write_text("secret")
    (tree / "run.sh").write_text("echo")
    (tree / "run.sh").chmod(0o750)
    (tree / "inner" / "link").symlink_to("../run.sh")
    os.link(tree / "run.sh", tree / "second")
    first = luggage.pack({"mine": tree})
    os.utime(tree / "run.sh", (5, 5))
    assert luggage.pack({"mine": tree}) == first
    found = members(first)
    assert list(found) == ["mine", "mine/inner", "mine/run.sh", "mine/second", "mine/inner/link"]
    assert [found["mine/run.sh"].mode, found["mine/second"].isreg()] == [0o755, True]


def grown(tree: Path) -> None:
    with (tree / "large").open("wb") as file:
        file.truncate(luggage.LARGEST + 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tree: (tree / "link").symlink_to("../outside"), "leads out of"),
        (lambda tree: (tree / "link").symlink_to("/etc/passwd"), "leads out of"),
        (lambda tree: os.mkfifo(tree / "fifo"), "is no file, folder or link"),
        (grown, "more than 64 MiB"),
    ],
    ids=["a link out", "an absolute link", "a fifo", "too large"],
)
def test_a_tree_that_cannot_travel_is_named(tmp_path: Path, spoil: Callable[[Path], object], said: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tmp_path / "outside").write_text("x")
    spoil(tree)
    with pytest.raises(InputError, match=said):
        luggage.pack({"mine": tree})


def test_a_command_runs_in_its_target_and_another_version_of_it_is_not_compared_silently(home: Home) -> None:
    home.targets(mine=["chroot", "{rootfs}", "{command}"])
    tool = home.folder / "bench" / "tool.sh"
    tool.parent.mkdir()
    words = ("--file", "bench", "--parse", "throughput:Mbit/s=speed ([0-9]+)", "--parse", "size=$.runs[0].size")
    chosen = ("run", "--target", "bare,mine", "--profile", "smoke", "--command", "sh bench/tool.sh 80", *words)
    name = "own.sh-bench-tool-sh-80"
    for size in (11, 12):
        tool.write_text(TOOL.replace("%s", str(size), 1))
        done = home.vbench(*chosen)
        assert done.returncode == 0, done.stderr
        values = {(line["workload"], line["metric"], line["target"]): line["value"] for line in home.lines()}
        targets = ("bare", "bare2", "mine")
        speeds, sizes = ({(name, metric, target) for target in targets} for metric in ("throughput", "size"))
        assert values == dict.fromkeys(speeds, 1e7) | dict.fromkeys(sizes, size)
    refused = home.vbench("compare", "@latest~1", "@latest")
    assert refused.returncode == 2
    assert f"not comparable: workload.{name} is 'digest " in refused.stderr
    assert f"add --allow workload.{name}" in refused.stderr
    allowed = home.vbench("compare", "@latest~1", "@latest", "--allow", f"workload.{name}")
    assert allowed.returncode == 3, "one boot concludes nothing"
    past = " ".join(home.vbench("history", name).stdout.split())
    assert f"workload.{name} is 'digest " in past


def test_the_example_of_a_workload_s_file_runs_when_its_folder_is_brought(home: Home) -> None:
    done = home.vbench("run", "--target", "bare", "--profile", "smoke", "--workload-dir", str(EXAMPLES))
    assert done.returncode == 0, done.stderr
    samples = home.lines()
    assert {line["workload"] for line in samples} == {"app.sort"}
    assert {line["metric"] for line in samples} == {"duration", "rate"}
    assert all(line["failure"] is None for line in samples)


def test_without_a_word_the_metric_is_the_duration_and_a_run_goes_on_where_it_was_cut_off(home: Home) -> None:
    line = 'sleep 1; echo "$cpus" >"$data/cpus"; test 1 = "$(cat "$data/cpus")"'
    argv = [sys.executable, "-m", "vbench", "run", "--target", "bare", "--profile", "smoke", "--command", line]
    with home.said.open("w") as said:
        process = subprocess.Popen(
            argv, cwd=home.folder, env=home.environment(), stdout=said, stderr=said, text=True, start_new_session=True
        )
    home.await_samples(1, process)
    assert interrupted(process, signal.SIGINT) == 130
    done = home.vbench("run", "--resume", "@latest")
    assert done.returncode == 0, done.stderr
    assert {sample["target"] for sample in home.lines()} == {"bare", "bare2"}
    for sample in home.lines():
        assert (sample["metric"], sample["unit"], sample["better"]) == ("duration", "s", "lower")
        raw = json.loads((home.bundles()[-1] / sample["raw"]).read_text())
        assert sample["value"] == raw["wall"] >= 1
    assert home.vbench("verify", "@latest").returncode == 0


def pip(*words: str, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *words],
        check=True,
        timeout=120,
    )


@pytest.fixture
def cattrs(tmp_path: Path) -> Path:
    """The source of cattrs, whose folder `bench` is a suite of pytest-benchmark, and wheels of what it imports."""
    pip("--no-binary", "cattrs", "--no-build-isolation", "cattrs==26.2.1", folder=tmp_path)
    pip("--only-binary", ":all:", "attrs==26.1.0", "typing-extensions==4.16.0", folder=tmp_path / "wheels")
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.mark.real
def test_the_suite_of_a_package_from_pypi_runs_unchanged(shared_home: Home, cattrs: Path) -> None:
    source = cattrs / "cattrs-26.2.1"
    brings = ("--pytest", str(source / "bench"), "--site", str(source / "src"), "--site", str(cattrs / "wheels"))
    chosen = ("--workload", "pytest.*-deep-nest-*-as-dict-converter", "--target", "bare,podman", "--profile", "smoke")
    done = shared_home.vbench("run", *brings, *chosen)
    assert done.returncode == 0, done.stderr
    samples = shared_home.lines()
    name = "pytest.test-attrs-nested-test-unstruct-attrs-deep-nest-unstructurestrategy-as-dict-converter"
    assert {(line["workload"], line["target"]) for line in samples} == {(name, t) for t in ("bare", "bare2", "podman")}
    for sample in samples:
        raw = json.loads((shared_home.bundles()[-1] / sample["raw"]).read_text())
        (part,) = read(raw["stdout"]).parts
        assert part.name.startswith("test_attrs_nested.py::test_unstruct_attrs_deep_nest[")
        assert sample["value"] == part.readings[0].value, "vbench import would read the same"
    said = " ".join(done.stdout.split())
    assert "pytest:test_enums.py was left out: what it needs (ModuleNotFoundError: No module named 'msgspec')" in said


SUITE = """
import pytest

pytestmark = pytest.mark.benchmark(max_time=0.01, min_rounds=1)

@pytest.mark.parametrize("what", ["A b", "a-b"])
def test_alike(benchmark, what):
    print("a test may print", flush=True)
    assert benchmark(len, what) == 3

def test_fails(benchmark):
    benchmark(len, "")
    raise ValueError("the reason")

def test_no_benchmark():
    assert True
"""


def test_every_benchmark_is_a_workload_and_one_that_fails_says_why(home: Home) -> None:
    suite = home.folder / "suite"
    suite.mkdir()
    (suite / "test_it.py").write_text(SUITE)
    (suite / "pytest.ini").write_text("[pytest]\naddopts = --cov=nothing -n 8\n")
    done = home.vbench("run", "--target", "bare", "--profile", "smoke", "--pytest", "suite")
    assert done.returncode == 0, done.stderr
    found = {line["workload"]: line for line in home.lines() if line["target"] == "bare"}
    names = ("alike-a-b", "alike-a-b_2", "fails")
    assert set(found) == {f"pytest.test-it-test-{name}" for name in names}
    values = {name: found[f"pytest.test-it-test-{name}"]["value"] for name in names}
    assert [name for name, value in values.items() if value is None] == ["fails"]
    assert "ValueError: the reason" in found["pytest.test-it-test-fails"]["failure"]["message"]


def test_a_suite_without_a_benchmark_is_refused_with_the_reason(home: Home) -> None:
    suite = home.folder / "suite"
    suite.mkdir()
    brought = ("run", "--target", "bare", "--profile", "smoke", "--pytest", "suite")
    (suite / "test_it.py").write_text("def test_it():\n    pass\n")
    assert "no test there asks for the fixture `benchmark`" in home.vbench(*brought).stderr
    (suite / "test_it.py").write_text("import no_such_module\n")
    done = home.vbench(*brought)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "No module named 'no_such_module'. Bring what it imports" in done.stderr
    assert not home.bundles()
