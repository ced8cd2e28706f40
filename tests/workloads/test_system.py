"""The family `system`: the image's own programs behind it, and what they say where there is no number."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from vbench import config
from vbench.image import Image
from vbench.model import Failure
from vbench.workloads import Workload, parse

FAMILY = [workload for workload in config.workloads() if workload.family == "system"]
NATIVE = "/usr/lib/vbench/native/"
HERE = NATIVE + "pairs", NATIVE + "ops"
OPERATIONS = {(job[0], job[1]): workload for workload in FAMILY if (job := workload.job.argv)[0] in HERE}
ACROSS = (NATIVE + "pairs", "ipi"), (NATIVE + "wakeups", "wake")
CYCLIC = next(workload for workload in FAMILY if workload.name == "system.cyclictest")
FAKE = """#!/bin/sh
echo 'Max CPUs = 2'
for n in $(seq {count}); do echo "       0:  $n:  ${{n}}000"; done
echo no way >&2
exit {status}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="chroot needs root")


def inside(image: Image, argv: Sequence[str]) -> list[str]:
    return ["chroot", str(image.rootfs), *argv]


@pytest.fixture
def run(image: Image) -> Run:
    """Return what runs a program in the image, `before` being put in front of the chroot."""

    def runner(*argv: str, before: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
        whole = [*before, *inside(image, argv)]
        return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)

    return runner


@needs_root
@pytest.mark.parametrize("program", HERE)
def test_every_operation_of_a_program_has_its_workload(run: Run, program: str) -> None:
    done = run(program, "nothing", "1")
    assert (done.returncode, done.stdout) == (2, "")
    listed = done.stderr.rpartition(" only ")[2].split()
    assert sorted(listed) == sorted(name for where, name in OPERATIONS if where == program)


@needs_root
@pytest.mark.parametrize(("program", "name"), [pair for pair in OPERATIONS if pair[1] not in ("ipi", "port")])
def test_an_operation_is_measured_in_whole_batches_for_its_time(run: Run, program: str, name: str) -> None:
    done = run(program, name, "0.1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["operation"] == name
    assert found["batches"] * found["times"] / found["rate"] > 0.099
    values = parse(OPERATIONS[program, name], done.stdout)
    assert not [value for value in values.values() if isinstance(value, Failure)]


@needs_root
@pytest.mark.parametrize("job", ACROSS)
def test_what_takes_two_cpus_says_so_where_there_is_one(run: Run, job: Sequence[str]) -> None:
    first = min(os.sched_getaffinity(0))
    done = run(*job, "0.1", before=["taskset", "--cpu-list", str(first)])
    assert (done.returncode, done.stdout) == (1, "")
    assert "two CPUs" in done.stderr


@needs_root
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one CPU")
@pytest.mark.parametrize("job", ACROSS)
def test_what_takes_two_cpus_is_measured_where_there_are(run: Run, job: Sequence[str]) -> None:
    done = run(*job, "0.1")
    assert json.loads(done.stdout)["latency_p50"] > 0, done.stderr


@needs_root
def test_a_port_that_may_not_be_written_is_a_failure_that_says_why(run: Run) -> None:
    done = run(NATIVE + "ops", "port", "0.1", before=["setpriv", "--bounding-set=-sys_rawio"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "access to I/O port 0x80" in done.stderr


@needs_root
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
@pytest.mark.parametrize("job", [("ops", "getpid"), ("pairs", "unix"), ("wakeups", "timer")])
def test_a_time_that_is_none_is_refused(run: Run, job: Sequence[str], seconds: str) -> None:
    done = run(NATIVE + job[0], *job[1:], seconds)
    assert (done.returncode, done.stdout) == (2, "")


@needs_root
def test_the_timer_goes_on_until_there_is_a_99th_percentile(run: Run) -> None:
    found = json.loads(run(NATIVE + "wakeups", "timer", "0.01").stdout)
    assert found["wakeups"] == 100
    assert 0 < found["latency_p50"] <= found["latency_p99"]


@needs_root
def test_a_party_whose_partner_was_killed_gives_no_number(image: Image) -> None:
    with pair(image) as us:
        partner(us).kill()
        assert us.communicate(timeout=60) == ("", "")
    assert us.returncode == 1


@needs_root
def test_a_partner_does_not_outlive_its_parent(image: Image) -> None:
    with pair(image) as us:
        child = partner(us)
        us.kill()
        assert psutil.wait_procs([child], timeout=60)[1] == []


def pair(image: Image) -> "subprocess.Popen[str]":
    argv = inside(image, [NATIVE + "pairs", "switch-futex", "300"])
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def partner(us: "subprocess.Popen[str]") -> psutil.Process:
    """Return the partner once it has said whose child it is, which it has when it takes turns."""
    while not (children := psutil.Process(us.pid).children()):
        time.sleep(0.01)
    while children[0].num_ctx_switches().voluntary < 100:
        time.sleep(0.01)
    return children[0]


def cyclictest(folder: Path, count: int, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run the workload's script with a cyclictest whose threads wake 1, 2, 3 ... microseconds late."""
    (folder / "cyclictest.py").write_bytes(CYCLIC.contents["cyclictest.py"])
    (folder / "cyclictest").write_text(FAKE.format(count=count, status=status))
    (folder / "cyclictest").chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    argv = [sys.executable, str(folder / "cyclictest.py"), "1"]
    return subprocess.run(argv, env=os.environ | path, capture_output=True, text=True, timeout=60, check=False)


def test_cyclictest_gives_the_quantiles_of_every_wakeup(tmp_path: Path) -> None:
    values = read(CYCLIC, cyclictest(tmp_path, 1000).stdout)
    assert values == pytest.approx({"latency_p50": 501e-6, "latency_p99": 991e-6, "latency_mean": 500.5e-6})


def read(workload: Workload, stdout: str) -> dict[str, float]:
    return {name: value for name, value in parse(workload, stdout).items() if not isinstance(value, Failure)}


def test_too_few_wakeups_for_a_99th_percentile_are_added_to(tmp_path: Path) -> None:
    assert json.loads(cyclictest(tmp_path, 60).stdout)["wakeups"] == 120


@pytest.mark.parametrize(("count", "status"), [(0, 0), (1000, 3)])
def test_a_cyclictest_that_fails_gives_no_number(tmp_path: Path, count: int, status: int) -> None:
    done = cyclictest(tmp_path, count, status)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"exited with status {status}: no way" in done.stderr


def test_one_workload_of_the_family_is_quick() -> None:
    assert [workload.name for workload in FAMILY if "quick" in workload.tags] == ["system.switch-pipe"]
