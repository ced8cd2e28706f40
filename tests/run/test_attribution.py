"""What explains a job's cost: every counter from records that have it, from real KVM, and from a real run."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.run.command import ROOT, Home
from vbench import config
from vbench.reports.why import Amount, Line, Why
from vbench.reports.why_render import page
from vbench.run.around import DISKS, STAT, Around
from vbench.run.attribution import Count, counts
from vbench.run.attribution_kvm import files_of
from vbench.run.cost import Record
from vbench.run.plan import Step
from vbench.workloads import Workload

STEP = Step(0, 0, 0, "cpu.primes", "kvm", 0)
USAGE = {"utime": 1.5, "stime": 0.25, "minflt": 30.0, "majflt": 2.0, "nvcsw": 7.0, "nivcsw": 3.0}
KVM = "/sys/kernel/debug/kvm/77-12"


def kernel(times: int) -> dict[str, str | None]:
    """Counters of a kernel that grow alike."""
    disks = f"254 0 vda {2 * times} 0 {8 * times} 0 {times} 0 {8 * times} 0 0 0 0\n"
    return {
        STAT: f"cpu  1 2 3 4 5 6 7 {100 * times} 0 0\ncpu0 1 2\nintr {50 * times} 0 9\nctxt {40 * times}\nbtime 1\n",
        DISKS: f"{disks}7 0 loop0 {99 * times} 0 0 0 0 0 0\n",
    }


def behind(times: int) -> dict[str, str | None]:
    """Counters of the host's side of a guest that grow alike."""
    return {
        **kernel(10 * times),
        "/proc/77/stat": f"77 (qemu) S 1 1 1 0 -1 0 {5 * times} 1 {times} 1 {100 * times} 0 0 0 20\n",
        "/proc/77/task/77/status": f"voluntary_ctxt_switches:\t{6 * times}\nnonvoluntary_ctxt_switches:\t{times}\n",
        f"{KVM}/exits": f"{1000 * times}\n",
        f"{KVM}/io_exits": f"{200 * times}\n",
        f"{KVM}/pages_4k": "17\n",
        f"{KVM}/halt_wait_ns": "5000\n",
    }


def whole() -> Record:
    return Record(STEP, 0, 2.0, USAGE, kernel(1), kernel(3), Around(1, behind(1), behind(3)))


def workload(name: str = "cpu.primes") -> Workload:
    return next(one for one in config.workloads() if one.name == name)


def of(record: Record, job: Workload | None = None) -> dict[tuple[str, str], Count]:
    found = list(counts(job or workload(), record))
    assert all((count.value is None) == bool(count.unknown) for count in found)
    named: dict[tuple[str, str], Count] = {(count.side, count.name): count for count in found}
    assert len(named) == len(found)
    return named


def test_every_counter_that_is_there_grew_by_so_much() -> None:
    assert {name: count.value for name, count in of(whole()).items()} == {
        ("target", "CPU time of the job"): 1.75,
        ("target", "page faults of the job"): 32,
        ("target", "context switches of the job"): 10,
        ("target", "steal of all CPUs"): 2.0,
        ("target", "interrupts of the kernel"): 100,
        ("target", "context switches of the kernel"): 80,
        ("target", "requests to the busiest disk"): 6,
        ("target", "bytes to and from the busiest disk"): 32 * 512,
        ("host", "CPU time behind the target"): 2.0,
        ("host", "page faults behind the target"): 12,
        ("host", "context switches behind the target"): 14,
        ("host", "steal of all CPUs"): 20.0,
        ("host", "interrupts of the kernel"): 1000,
        ("host", "context switches of the kernel"): 800,
        ("host", "requests to the busiest disk"): 60,
        ("host", "bytes to and from the busiest disk"): 320 * 512,
        ("host", "KVM exits"): 2000,
        ("host", "KVM io_exits"): 400,
    }


def test_a_record_without_counters_has_reasons_and_no_zeros() -> None:
    found = of(Record(STEP, 0, 2.0))
    assert len(found) == 17
    assert all(count.value is None for count in found.values())


@pytest.mark.parametrize("text", [None, "", "cpu\nintr\n", "cpu a b c d e f g h\nintr -5\nctxt ²\n", "\x00" * 99])
def test_what_a_target_says_of_itself_may_be_anything(text: str | None) -> None:
    contents = {STAT: text, DISKS: text}
    found = of(replace(whole(), before=contents, after=contents, rusage={"utime": -1.0}))
    inside = [count for (side, _), count in found.items() if side == "target"]
    assert [count.value for count in inside] == [None] * 8
    assert {count.unknown for count in inside} == {"it could not be read"}
    assert found["host", "KVM exits"].value == 2000


def test_a_counter_that_went_back_or_grew_beyond_all_bounds_is_unknown() -> None:
    back = of(replace(whole(), before=kernel(3), after=kernel(1)))
    assert back["target", "interrupts of the kernel"].value is None
    far = of(replace(whole(), after=kernel(10**30)))
    assert far["target", "interrupts of the kernel"].value is None


def test_a_job_on_the_peer_tells_nothing_of_the_inside_of_the_target() -> None:
    job = next(one for one in config.workloads() if one.job.where == "peer")
    found = of(whole(), job)
    for (side, _), count in found.items():
        assert (count.value is None) == (side == "target")
        assert not count.unknown or "runs on the peer" in count.unknown


def test_a_thread_that_died_in_the_job_is_left_out_of_the_switches() -> None:
    record = whole()
    more = {**record.around.before, "/proc/77/task/78/status": "voluntary_ctxt_switches:\t900\n"}
    found = of(replace(record, around=replace(record.around, before=more)))
    assert found["host", "context switches behind the target"].value == 14


def test_why_there_are_no_exits_is_said() -> None:
    host = Around(1, kernel(1), kernel(3), (), {"exits": "debugfs is not mounted"})
    found = of(replace(whole(), around=host))
    assert found["host", "KVM exits"] == Count("host", "KVM exits", "1", None, "debugfs is not mounted")


GUEST = """
import fcntl, json, os, sys
from pathlib import Path
from vbench.run.attribution_kvm import files_of
KVM_CREATE_VM = 0xAE01
vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), KVM_CREATE_VM, 0)
files, why = files_of([1, os.getpid()], "kvm")
try:
    whole = Path("/sys/kernel/debug/kvm/exits").read_text()
except OSError:
    whole = None
print(json.dumps([files, why, [Path(file).read_text() for file in files], whole]))
"""
MOUNTED = ["unshare", "--mount", "sh", "-ec", 'mount -t debugfs none /sys/kernel/debug; exec "$@"', "sh"]
UNMOUNTED = ["unshare", "--mount", "sh", "-ec", 'mount -t tmpfs none /sys/kernel/debug; exec "$@"', "sh"]


def guest(prefix: list[str]) -> Any:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", GUEST], cwd=ROOT, check=True, capture_output=True, timeout=120
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(os.getuid() != 0 or not os.access("/dev/kvm", os.W_OK), reason="needs root and /dev/kvm")
def test_the_counters_of_a_real_virtual_machine_are_found_or_the_kernels_refusal() -> None:
    files, why, contents, whole = guest(MOUNTED)
    if whole is None:
        assert (files, why[:41]) == ([], "debugfs cannot be read: Operation not per")
    else:
        assert why == ""
        assert any(file.endswith("/exits") for file in files)
        assert contents[[file.rpartition("/")[2] for file in files].index("exits")].strip().isdecimal()
    assert guest(UNMOUNTED)[:2] == [[], "debugfs is not mounted; `mount -t debugfs none /sys/kernel/debug` does it"]


def test_the_folder_of_the_guest_is_told_from_others(tmp_path: Path) -> None:
    assert files_of([77], None, tmp_path) == ([], "the target is no guest")
    assert files_of([77], "tcg", tmp_path) == ([], "the guest runs under tcg, not under KVM")
    for name in ("77-12", "770-3", "8-77"):
        (tmp_path / "kvm" / name / "vcpu0").mkdir(parents=True)
        (tmp_path / "kvm" / name / "exits").write_text("5\n")
    assert files_of([1, 77], "kvm", tmp_path) == ([str(tmp_path / "kvm" / "77-12" / "exits")], "")
    assert files_of([1], "kvm", tmp_path) == ([], "KVM shows no counters of this guest in debugfs")
    assert "No such file" in files_of([1], "kvm", tmp_path / "kvm" / "77-12")[1]


def test_a_counter_is_compared_for_the_same_work_and_a_missing_one_has_its_reason() -> None:
    switches = Line("host", "switches", "1", Amount(1000.0, 2.0, 5), Amount(500.0, 7.0, 5))
    exits = Line("host", "KVM exits", "1", Amount(None, None, 0, "the target is no guest"), Amount(9e6, 3.0, 5))
    calm = Line("host", "steal", "s", Amount(0.0, 0.0, 5), Amount(0.5, 0.1, 5))
    assert [line.ratio for line in (switches, exits, calm)] == [3.5, None, None]
    shown = page(Why("r", "w", "kvm", "bare", "one of what 'rate' counts", (switches, exits, calm)))
    assert [row for grid in shown.grids for row in grid.rows] == [
        ("switches", "1.00 k", "500", "3.50"),
        ("KVM exits", "unknown", "9.00 M", "-"),
        ("steal", "0.00 s", "500 ms", "-"),
    ]
    assert shown.notes[1:] == ("unknown on bare: the target is no guest (KVM exits).",)


@pytest.mark.real
def test_a_run_says_what_explains_a_cell_and_verify_derives_it_again(home: Home) -> None:
    home.workload("forks", "for n in 1 2 3 4 5 6 7 8 9; do true | cat; done; echo rate 9")
    assert home.run().returncode == 0
    text = home.vbench("show", "--why", "own.forks", "bare2", "--format", "json").stdout
    lines = {(row["side"], row["name"]): row for row in json.loads(text)["rows"]}
    faults = lines["target", "page faults of the job"]
    for side in ("bare", "target"):
        assert faults[side]["job"] > 9
        assert faults[side]["jobs"] == 1
    assert lines["host", "KVM exits"]["target"] == {
        "job": None,
        "work": None,
        "jobs": 0,
        "unknown": "the target is no guest",
    }
    for option, name in ((("--why", "own.forks", "bare2"), "why.json"), (("--cost",), "cost.csv")):
        saved = home.vbench("show", *option, "--format", name.partition(".")[2])
        (home.folder / name).write_text(saved.stdout)
        verified = home.vbench("verify", f"./{name}")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    refused = home.vbench("show", "--why", "own.forks", "kvm")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no target 'kvm'" in refused.stderr
