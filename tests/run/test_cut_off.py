"""Runs that are cut off: by a target's death, by the user, by a full disk, by SIGKILL."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.process import alive, gone, soon, with_words
from tests.run.command import SECONDS, Home, interrupted, leftovers
from vbench.store.bundle import Bundle

ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="needs root")
SLOW = "sleep 0.47; echo rate 42; echo other 43"


@pytest.fixture
def slow(home: Home) -> Home:
    """A home with a workload that takes a moment."""
    home.workload("slow", SLOW, metrics=("rate", "other"))
    return home


def cells(home: Home) -> Counter[tuple[object, ...]]:
    keys = ("workload", "metric", "target", "boot", "block", "iteration")
    return Counter(tuple(sample[key] for key in keys) for sample in home.lines())


def test_a_target_that_is_killed_in_a_job_loses_the_rest_of_its_boot_only(slow: Home) -> None:
    slow.targets(other=["env", "A=1", "{command}"])
    process = slow.start(target="bare,other", profile="quick")
    assert soon(lambda: bool(with_words("sleep 0.47")) and len(slow.lines()) >= 6)
    os.kill(slow.process_of("other"), signal.SIGKILL)
    assert process.wait() == 0, slow.said.read_text()
    lines = slow.lines()
    lost = [line for line in lines if line["failure"]]
    assert {line["target"] for line in lost} == {"other"}
    assert {line["boot"] for line in lost} == {0}
    assert {line["failure"]["blame"] for line in lost} == {"target"}
    assert all("'other' died: its pipe is closed" in line["failure"]["message"] for line in lost)
    assert all(line["value"] is None for line in lost)
    assert {line["value"] for line in lines if not line["failure"]} == {42.0, 43.0}
    assert [line["boot"] for line in slow.lines("instances.jsonl") if line["target"] == "other"] == [0, 1, 2]
    assert cells(slow).total() == len(cells(slow)) == 2 * 3 * 3 * 3, "metrics x targets x boots x jobs"
    assert not leftovers(slow, [])


def test_a_job_that_kills_its_own_agent_is_the_targets_failure(home: Home) -> None:
    home.workload("suicide", 'kill -9 "$PPID"; sleep 600')
    home.workload("fine", "echo rate 42")
    done = home.run("--seed", "3")  # by which the other job comes first: what follows a death is lost to its boot
    assert done.returncode == 0
    assert next(line["value"] for line in home.lines() if line["workload"] == "own.fine") == 42.0
    lost = [line for line in home.lines() if line["workload"] == "own.suicide"]
    assert [line["failure"]["blame"] for line in lost] == ["target"] * 2
    assert gone("sleep 600 ")
    assert not leftovers(home, [])


def test_a_target_that_cannot_be_started_is_left_with_its_reason(home: Home) -> None:
    home.workload("fine", "echo rate 42")
    home.targets(broken=["sh", "-c", "echo it is broken >&2; exit 3", "sh", "{command}"])
    done = home.run(target="bare,broken")
    assert done.returncode == 0
    lost = [line for line in home.lines() if line["failure"]]
    assert [(line["target"], line["failure"]["blame"]) for line in lost] == [("broken", "target")]
    assert "died: its pipe is closed" in lost[0]["failure"]["message"]
    assert "broken: it is broken" in done.stderr
    assert not leftovers(home, [])


def test_a_run_that_was_killed_goes_on_where_it_was(slow: Home) -> None:
    process = slow.start(profile="quick", target="bare")
    slow.await_samples(15, process)
    made = slow.started()
    process.kill()
    process.wait()
    assert soon(lambda: not with_words("sleep 0.47"), 60), "jobs die with vbench"
    (bundle,) = slow.bundles()
    before = (bundle / "samples.jsonl").read_bytes()
    steps = slow.vbench("show", "--format", "json")
    assert steps.returncode == 0, "half a run can be shown"
    done = slow.vbench("run", "--resume", "@latest", "--workload-dir", str(slow.folder / "workloads"))
    assert done.returncode == 0, done.stderr
    assert slow.bundles() == [bundle]
    after = (bundle / "samples.jsonl").read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1]) or len(before.splitlines()) % 2
    assert cells(slow).total() == len(cells(slow)) == 2 * 2 * 3 * 3
    assert all(line["value"] for line in slow.lines())
    planned = [(step["workload"], step["target"], step["boot"]) for step in Bundle.open(bundle).header["plan"]["steps"]]
    taken = [(line["workload"], line["target"], line["boot"]) for line in slow.lines()]
    assert list(dict.fromkeys(taken)) == list(dict.fromkeys(planned))
    assert not leftovers(slow, made)
    again = slow.vbench("run", "--resume", "@latest", "--workload-dir", str(slow.folder / "workloads"))
    assert again.returncode == 0
    assert (bundle / "samples.jsonl").read_bytes() == after, "there was nothing left to do"


def test_what_has_changed_since_keeps_a_run_from_going_on(slow: Home) -> None:
    slow.targets(other=["{command}"])
    folder = str(slow.folder / "workloads")
    assert slow.run(target="other").returncode == 0
    slow.targets(other=["env", "{command}"])
    for changed in ("other", "own.slow"):
        done = slow.vbench("run", "--resume", "@latest", "--workload-dir", folder)
        assert done.returncode == 2
        assert f"cannot go on: '{changed}' has changed since." in done.stderr
        slow.targets(other=["{command}"])
        slow.workload("slow", "echo rate 1; echo other 2", metrics=("rate", "other"))


def test_two_cannot_write_one_run(slow: Home) -> None:
    process = slow.start(profile="quick")
    slow.await_samples(4, process)
    done = slow.vbench("run", "--resume", "@latest", "--workload-dir", str(slow.folder / "workloads"))
    assert (done.returncode, "is still being executed" in done.stderr) == (2, True)
    assert interrupted(process, signal.SIGINT) == 130
    assert cells(slow).total() == len(cells(slow))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_its_samples_and_leaves_nothing(slow: Home, number: signal.Signals) -> None:
    process = slow.start(profile="quick")
    slow.await_samples(6, process)
    made = slow.started()
    assert interrupted(process, number) == 130
    assert slow.said.read_text().splitlines()[-2:] == [
        f"Go on with `vbench run --resume {slow.bundles()[-1].name}`.",
        "Interrupted; nothing was left running.",
    ]
    assert "Traceback" not in slow.said.read_text()
    assert len(slow.lines()) >= 6
    assert slow.vbench("show").returncode == 0
    assert gone("sleep 0.47")
    assert not leftovers(slow, made)


def test_an_impatient_user_may_interrupt_twice(slow: Home) -> None:
    # An interrupt may come while Python starts or awaits a child, which it then complains of when warnings are errors.
    process = slow.start(profile="quick", PYTHONWARNINGS="error,ignore::ResourceWarning")
    slow.await_samples(2, process)
    made = slow.started()
    process.send_signal(signal.SIGINT)
    for _ in range(20):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert "Traceback" not in slow.said.read_text()
    assert not leftovers(slow, made)


@pytest.fixture
def small_disk(home: Home) -> Iterator[Home]:
    """A home whose data folder has little room."""
    store = (home.data / "images").readlink()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "small", str(home.data.parent)], check=True)
    try:
        home.data.mkdir()
        (home.data / "images").symlink_to(store)
        yield home
    finally:
        subprocess.run(["umount", str(home.data.parent)], check=True)


@ROOT_ONLY
def test_a_full_disk_ends_a_run_in_one_sentence_and_keeps_its_samples(small_disk: Home) -> None:
    small_disk.workload("big", "head -c 900000 /dev/zero | tr '\\0' x; echo; echo rate 42")
    done = small_disk.run(profile="quick")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("vbench: The run '")
    assert "cannot be written: No space left on device. Make room, then go on with `vbench run --resume" in last
    assert "Traceback" not in done.stderr
    taken = small_disk.lines()
    assert taken
    assert {line["value"] for line in taken} == {42.0}
    assert small_disk.vbench("show").returncode == 0
    assert not leftovers(small_disk, [])
    subprocess.run(["mount", "-o", "remount,size=90m", str(small_disk.data.parent)], check=True)
    folder = str(small_disk.folder / "workloads")
    assert small_disk.vbench("run", "--resume", "@latest", "--workload-dir", folder).returncode == 0
    assert cells(small_disk).total() == len(cells(small_disk)) == 2 * 3 * 3


@ROOT_ONLY
@pytest.mark.parametrize("full", ["scratch", "state"])
def test_no_room_for_what_passes_is_one_sentence(home: Home, full: str) -> None:
    home.workload("fine", "echo rate 42")
    path = home.folder / full
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "small", str(path)], check=True)
    try:
        (path / "ballast").write_bytes(b"x" * 4096)
        Path(path, "more").write_bytes(b"x" * 4096)
        done = home.run()
    finally:
        subprocess.run(["umount", str(path)], check=True)
    assert done.returncode == 2, done.stdout
    assert "No space left on device" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("vbench: '")
    assert "Traceback" not in done.stderr


@pytest.mark.real
@ROOT_ONLY
def test_after_sigkill_the_next_start_removes_all_five_kinds(shared_home: Home) -> None:
    """With podman and a guest alive: processes, namespaces, cgroups, folders, containers."""
    home = shared_home
    home.workload("slow", "sleep 30; echo rate 42")
    home.workload("quick", "echo rate 42")
    before = len(home.bundles())
    process = home.start(target="podman,kvm", workload="own.slow", profile="quick")
    assert soon(lambda: bool(with_words("sleep 30")) or process.poll() is not None, SECONDS)
    assert process.poll() is None, home.said.read_text()
    assert len(home.bundles()) == before + 1
    made = home.entries()
    assert {entry["kind"] for entry in made} >= {"process", "netns", "cgroup", "folder", "container"}
    process.kill()
    process.wait()
    left = leftovers(home, made)
    assert [what for what in left if what.startswith("netns")]
    assert [what for what in left if "cgroup" in what]
    assert [what for what in left if str(home.scratch) in what]
    done = home.run(workload="own.quick")
    assert done.returncode == 0, done.stderr
    assert not leftovers(home, made)
    pids = [entry["pid"] for entry in made if entry["kind"] == "process"]
    assert len(pids) >= 4
    assert not any(alive(pid) for pid in pids)
    assert gone(str(home.scratch))
