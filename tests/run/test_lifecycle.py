"""Workloads that open instances of their own, on real ones; guests are the whole catalogue's test."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.process import soon
from tests.run.command import Home, leftovers, temporary_home
from vbench.errors import HostError, InputError, TargetError
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.run import lifecycle_files as files
from vbench.run import lifecycle_processes as processes
from vbench.run.lifecycle_remarks import FETCHED
from vbench.run.machine import machine
from vbench.run.quiet.journal import Journal
from vbench.run.quiet.tune import undo
from vbench.run.quiet.turned import turned
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.place import Settings
from vbench.workloads import load

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="podman and the limits need root")
HEAD = """
name = "own.{name}"
version = 1
summary = "s"
measures = "m"
exercises = "e"
working_set = "w"
voids = "v"
source = "s"
[instance]
state = "{state}"
{density}
[job]
argv = ["sh", "-c", "{job}"]
timeout = 60
"""
METRIC = """
[[metrics]]
name = "{name}"
unit = "1"
better = "lower"
json = "{name}"
low = 1e-9
high = 1e12
"""
CROWD = "[instance.density]\nmost = 2\nlevel = {level}\nreserve = 1"
MEBIBYTE = 2**20
KSM = "/sys/kernel/mm/ksm/run"


def text(name: str, metric: str, job: str = "true", state: str = "cached", density: str = "") -> str:
    return HEAD.format(name=name, state=state, density=density, job=job) + METRIC.format(name=metric)


def add(home: Home, name: str, metric: str, **more: str) -> None:
    (home.folder / "workloads" / "own" / f"{name}.toml").write_text(text(name, metric, **more))


def documents(home: Home) -> dict[tuple[str, str], dict[str, Any]]:
    """What the host found, by workload and target."""
    raw = [json.loads(path.read_text()) for path in sorted((home.bundles()[-1] / "raw").glob("*.json"))]
    return {(one["step"]["workload"], one["step"]["target"]): json.loads(one["stdout"] or "null") for one in raw}


@pytest.fixture(scope="module")
def shipped(shared_home: Home) -> Home:
    """A run of two of the shipped ones on bare metal and in a container."""
    words = ("--workload", "lifecycle.start-cold", "--profile", "smoke", "--seed", "1")
    done = shared_home.vbench("run", "--target", "podman", "--workload", "lifecycle.start", *words)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return shared_home


@pytest.mark.real
@ROOT_ONLY
def test_a_start_has_all_its_figures_on_bare_metal_and_in_a_container(shipped: Home) -> None:
    lines = shipped.lines()
    assert len({(line["workload"], line["target"]) for line in lines}) == 6
    assert not [line["failure"] for line in lines if line["value"] is None and line["metric"] != "cpu_per_work"]
    found = documents(shipped)
    for one in found.values():
        assert 0 < one["start"] < one["first_job"]
        assert 0 < one["teardown"] <= one["removal"]
    bare, podman = (found["lifecycle.start", target] for target in ("bare", "podman"))
    assert [one["name"] for one in bare["processes"]] == ["python3"]
    assert sorted(one["name"] for one in podman["processes"]) == ["conmon", "podman", "python3"]
    assert 2e6 < bare["idle_memory"] < podman["idle_memory"] < 1e9
    assert podman["image_size"] == pytest.approx(bare["image_size"], rel=0.1)
    assert shipped.vbench("verify", "@latest").returncode == 0
    assert not leftovers(shipped, [])


@pytest.mark.real
@ROOT_ONLY
def test_a_start_that_was_not_cold_says_so(shipped: Home) -> None:
    found = documents(shipped)
    for line in shipped.lines():
        cold = line["workload"] == "lifecycle.start-cold"
        read = found[line["workload"], line["target"]]["read"]
        assert any(said.startswith("not cold") for said in line["warnings"]) == (cold and read < FETCHED)
        assert any(said.startswith("not cached") for said in line["warnings"]) == (not cold and read >= FETCHED)


@pytest.fixture(scope="module")
def own(image: Image) -> Iterator[Home]:
    """A run of the user's own on bare metal, and on a target that does not start."""
    with temporary_home(image.root.parent) as home:
        home.targets(broken=["sh", "-c", "exit 3", "sh", "{command}"])
        add(home, "fails", "start", job="echo no >&2; exit 3")
        add(home, "restored", "start", state="restored")
        add(home, "two", "instances", density=CROWD.format(level=1e3))
        add(home, "more", "marginal_memory", density=CROWD.format(level=1e3))
        add(home, "none", "instances", density=CROWD.format(level=1e-9))
        done = home.run(target="bare,broken")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert not leftovers(home, [])
        yield home


def of(home: Home, name: str, target: str = "bare") -> dict[str, Any]:
    (line,) = [
        line
        for line in home.lines()
        if (line["workload"], line["target"]) == (f"own.{name}", target) and line["metric"] != "cpu_per_work"
    ]
    return line


def test_a_first_job_that_fails_is_no_start(own: Home) -> None:
    assert of(own, "fails")["failure"] == {"blame": "job", "message": "'sh' in 'bare' exited with 3: no."}


def test_a_target_that_does_not_start_has_the_reason_in_each_cell(own: Home) -> None:
    for name in ("fails", "restored", "two", "none"):
        failure = of(own, name, "broken")["failure"]
        assert failure["blame"] == "target"
        assert "died: its pipe is closed" in failure["message"]


def test_what_cannot_be_restored_says_so(own: Home) -> None:
    line = of(own, "restored")
    assert line["value"] > 0
    assert any(said.startswith("not restored: ") for said in line["warnings"])


def test_instances_are_added_up_to_the_most_that_is_asked_for(own: Home) -> None:
    line = of(own, "two")
    assert line["value"] == 2
    assert any(said.startswith("capped: ") for said in line["warnings"])
    found = documents(own)["own.two", "bare"]
    assert [look["instances"] for look in found["looks"]] == [1, 2]
    assert of(own, "more")["value"] > 1e5


def test_a_service_level_that_one_instance_breaks_is_no_number(own: Home) -> None:
    assert "0, which is not finite and positive" in of(own, "none")["failure"]["message"]
    assert len(documents(own)["own.none", "bare"]["looks"]) == 1


def test_a_run_that_was_killed_goes_on_with_instances_of_its_own(home: Home) -> None:
    add(home, "one", "start", job="sleep 1")
    add(home, "other", "teardown")
    process = home.start()
    assert soon(lambda: bool(home.lines()) or process.poll() is not None, 60)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    taken = home.lines()
    made = home.entries()
    assert made
    done = home.vbench("run", "--resume", "@latest", "--workload-dir", str(home.folder / "workloads"))
    assert done.returncode == 0, done.stderr
    lines = [line for line in home.lines() if line["metric"] != "cpu_per_work"]
    assert lines[: len(taken)] == [line for line in taken if line["metric"] != "cpu_per_work"]
    cells = [(line["workload"], line["target"]) for line in lines]
    assert len(cells) == len(set(cells)) == 4
    assert not leftovers(home, made)


def test_an_instance_that_does_not_go_is_the_targets_failure(
    image: Image, xdg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBENCH_SCRATCH", str(xdg))
    catalogue = Catalogue({"stays": ("sh", "-c", '"$@"; sleep 600', "sh", "{command}")})
    with Ledger() as ledger, machine(image, ledger, 1, wired=False) as host, host.place("stays") as place:
        with open_target(catalogue.target("stays"), place, Settings(), ledger) as instance:
            there = processes.behind(instance.pipe)
            assert [one.name() for one in there] == ["sh", "python3"]
            with pytest.raises(TargetError, match="'stays' was not gone 1 s after"):
                processes.end(instance, 1)
            os.killpg(instance.pipe.process.pid, signal.SIGKILL)
        assert not any(one.is_running() for one in there)


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a disk: what is in memory only cannot be dropped."""
    with tempfile.TemporaryDirectory(prefix="vbtest-", dir="/var/tmp") as folder:
        yield Path(folder)


def written(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(bytes(MEBIBYTE))
        os.fsync(file.fileno())
    return path


def cached(path: Path) -> int:
    words = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def test_the_page_cache_forgets_what_is_in_a_folder_and_nothing_else(on_disk: Path) -> None:
    mine, below, other = (written(on_disk / name) for name in ("image/mine", "image/below/mine", "other"))
    (on_disk / "image" / "link").symlink_to(other)
    assert [cached(file) for file in (mine, below, other)] == [MEBIBYTE] * 3
    files.evict([str(on_disk / "image"), str(on_disk / "missing")])
    assert [cached(file) for file in (mine, below, other)] == [0, 0, MEBIBYTE]


def test_a_file_of_two_names_takes_its_disk_once(on_disk: Path) -> None:
    mine = written(on_disk / "image" / "mine")
    alone = files.allocated([str(on_disk)])
    (on_disk / "image" / "again").hardlink_to(mine)
    assert files.allocated([str(on_disk), str(mine)]) == alone
    assert MEBIBYTE <= alone < 2 * MEBIBYTE


def test_the_programs_of_an_argv_are_known_with_their_libraries() -> None:
    found = files.programs(["sleep", "--help", "/no/such/file"])
    assert shutil.which("sleep") in found
    assert any(path.endswith("/libc.so.6") for path in found)


def test_a_knob_is_held_and_put_back_even_by_another_process(tmp_path: Path) -> None:
    knob, journal = tmp_path / KSM.lstrip("/"), Journal(tmp_path / "state")
    knob.parent.mkdir(parents=True)
    knob.write_text("0\n")
    with turned(KSM, "1", journal, tmp_path):
        assert knob.read_text() == "1"
        assert [(change.before, change.ours) for change in journal.read()] == [("0", "1")]
        with pytest.raises(HostError, match="is turned by vbench already"), turned(KSM, "2", journal, tmp_path):
            pytest.fail("it was turned twice")
    assert knob.read_text() == "0"
    assert not journal.read()
    with turned(KSM, "1", journal, tmp_path):
        assert [turn.state for turn in undo(journal, tmp_path)] == ["restored"]
        knob.write_text("2")
    assert knob.read_text() == "2", "what somebody else chose meanwhile stays"
    with pytest.raises(HostError, match="cannot be turned: No such file"), turned(f"{KSM}x", "1", journal, tmp_path):
        pytest.fail("there is no such knob")


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ('"cached"', '"warm"', "'instance.state' holds 'warm'", "'cached', 'cold'"),
        ("[job]", '[prepare]\nargv = ["true"]\ntimeout = 5\n[job]', "'prepare' cannot be had", "Remove 'prepare'"),
        ("version = 1", 'version = 1\nneeds = ["disk"]', "'needs' cannot be had", "Remove 'needs'"),
        ('"true"', '"{work}"', "'{work}' means nothing", "cpus, memory, seconds"),
        ('json = "start"', "pattern = '(1)'", "'start' is not read from JSON", "'json'"),
        ("[job]", f"{CROWD.format(level=0)}\n[job]", "'instance.density.level' holds 0", "greater than 0"),
        ('"cached"', f'"cold"\n{CROWD.format(level=1)}', "density are not 'cold'", 'state = "cached"'),
    ],
)
def test_what_an_instance_of_its_own_cannot_have_is_refused(old: str, new: str, message: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        load(text("one", "start").replace(old, new, 1), "own/one.toml", lambda _: b"")
    assert message in caught.value.message
    assert remedy in caught.value.remedy
