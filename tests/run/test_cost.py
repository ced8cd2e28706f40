"""What a job cost the host: the counting on real processes, and the figures that follow from a record."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.run.command import Home
from vbench import config
from vbench.ledger import Ledger
from vbench.model import Failure, Sample
from vbench.run import around, cost, cost_behind, cost_energy
from vbench.run.around import Around
from vbench.run.cost import Record
from vbench.run.plan import Step
from vbench.targets import account
from vbench.targets.pipe import Pipe
from vbench.targets.spawn import spawn
from vbench.workloads import Workload

STEP = Step(0, 0, 0, "cpu.primes", "bare", 0)
GROUP = "/sys/fs/cgroup/cpuacct/vbench-1-a/cpuacct.usage"
SAMPLE = Sample("cpu.primes", "rate", "1/s", "higher", "bare", "i", 0, 0, 0, 50.0)
BURN = "import time\nwhile time.process_time() < 0.3: pass"


def workload(name: str) -> Workload:
    return next(one for one in config.workloads() if one.name == name)


def counted(seconds: float, *, path: str = GROUP, own: float = 0.0) -> Record:
    """A record of 2 s in which a group counted so many seconds and the job says that it used `own`."""
    texts = [f"{10**9}\n", f"{10**9 + round(seconds * 1e9)}\n"]
    if path.endswith("cpu.stat"):
        texts = ["usage_usec 5\n", f"usage_usec {5 + round(seconds * 1e6)}\nuser_usec 1\n"]
    host = Around(1, {path: texts[0]}, {path: texts[1]}, (path,))
    return Record(STEP, 0, 2.0, {"utime": own, "stime": 0.0}, around=host)


def derived(record: Record, name: str = "cpu.primes", sample: Sample = SAMPLE) -> list[Sample]:
    return list(cost.derived(workload(name), record, [sample]))


def failed(record: Record, name: str = "cpu.primes", sample: Sample = SAMPLE) -> str:
    (only,) = derived(record, name, sample)
    assert only.value is None
    assert only.failure is not None
    return only.failure.message


@pytest.mark.parametrize("path", [GROUP, "/sys/fs/cgroup/vbench-1-a/cpu.stat"])
def test_cpu_time_for_a_unit_of_work_is_that_of_a_rate(path: str) -> None:
    (only,) = derived(counted(3.0, path=path))
    assert (only.metric, only.unit, only.better, only.target) == ("cpu_per_work", "s", "lower", "bare")
    assert only.value == pytest.approx(3.0 / (50.0 * 2.0))


def test_groups_of_one_target_are_added_up() -> None:
    record = counted(3.0)
    other = "/sys/fs/cgroup/cpuacct/engine/cpuacct.usage"
    host = Around(
        1, {**record.around.before, other: "0\n"}, {**record.around.after, other: "1000000000\n"}, (GROUP, other)
    )
    assert cost.cpu_seconds(host) == pytest.approx(4.0)
    assert cost.cpu_seconds(replace(host, after={**host.after, other: None})) is None


def test_without_a_rate_the_job_is_the_work_unless_it_was_told_its_seconds() -> None:
    timed = workload("cpu.primes")
    lone = replace(timed, metrics=(replace(timed.metrics[0], name="duration", unit="s", better="lower"),))
    sample = replace(SAMPLE, metric="duration", unit="s", better="lower", value=1.5)
    assert isinstance(cost.work(lone, counted(3.0), [sample]), Failure)
    free = replace(lone, job=replace(lone.job, argv=("true",)))
    assert cost.work(free, counted(3.0), [sample]) == 1.0
    (only,) = cost.derived(free, counted(3.0), [sample])
    assert only.value == pytest.approx(3.0)


def test_what_cannot_be_known_is_a_reason_and_no_number() -> None:
    unread = counted(3.0)
    unread = replace(unread, around=replace(unread.around, after={GROUP: None}))
    assert "could not be read" in failed(unread)
    assert "could not be read" in failed(Record(STEP, 0, 2.0))
    assert "shorter than what its counters resolve" in failed(counted(0.0))
    assert "no process that we know" in failed(counted(0.01, own=1.9))
    broken = replace(SAMPLE, value=None, failure=Failure("job", "it broke"))
    assert failed(counted(3.0), sample=broken) == "it broke"


def stat(pid: int, ticks: tuple[int, int, int, int]) -> dict[str, str]:
    return {f"/proc/{pid}/stat": f"{pid} (a) b) S 1 1 1 0 -1 0 10 20 0 0 {' '.join(map(str, ticks))} 20 0 1 0 77\n"}


def test_processes_are_added_up_with_the_children_that_died() -> None:
    before = stat(10, (100, 50, 7, 3)) | stat(11, (40, 10, 0, 0))
    after = stat(10, (110, 50, 67, 13)) | stat(12, (30, 0, 0, 0))  # 11 was waited for, 12 is new
    assert cost.cpu_seconds(Around(1, before, after)) == pytest.approx((240 + 30 - 160 - 50) / 100)


def asked(pipe: Pipe) -> None:
    """Let the process behind a pipe do its work, and wait until it says so."""
    assert pipe.process.stdin is not None
    os.write(pipe.process.stdin.fileno(), b"go\n")
    assert pipe._line(time.monotonic() + 120, "said nothing") == b"done"


@pytest.mark.parametrize("grouped", [True, False])
def test_a_real_process_its_child_and_its_dead_are_counted(
    grouped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not grouped:
        monkeypatch.setattr(account, "ROOT", tmp_path)  # as where there is no group to be had
    elif account.group_of(os.getpid()) is None or os.getuid():
        pytest.skip("no control group may be made here")
    script = 'while read word; do python3 -c "$1"; echo done; done'
    with Ledger(tmp_path / "ledgers") as ledger, spawn(["sh", "-c", script, "sh", BURN], "burn", ledger) as pipe:
        asked(pipe)
        counters = cost_behind.counters_of(pipe)
        assert bool(counters) is grouped
        groups = [Path(counter).parent for counter in counters]
        for group in groups:
            (group / "inner").mkdir()  # as an engine does that does not tidy up
        readings = []
        for _ in range(2):
            stats = (f"/proc/{pid}/stat" for pid in cost_behind.processes_of(pipe))
            readings.append(around.read([*counters, *stats]))
            asked(pipe)
        spent = cost.cpu_seconds(Around(1, readings[0], readings[1], counters))
    assert not any(group.exists() for group in groups)
    assert spent is not None
    assert 0.27 <= spent < 5  # 0.3 s and the start of a Python; a loaded machine slows, but it adds no CPU time


def test_a_group_that_holds_ourselves_is_not_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "ledgers") as ledger:
        monkeypatch.setattr(os, "access", lambda *_: False)  # so that it starts in our own group
        with spawn(["sleep", "60"], "sleeper", ledger) as pipe:
            assert cost_behind.counters_of(pipe) == ()
            assert pipe.process.pid in cost_behind.processes_of(pipe)
            pipe.process.kill()


def powercap(folder: Path, domains: Mapping[str, tuple[str, str]]) -> Path:
    for name, (kind, energy) in domains.items():
        domain = folder / name
        domain.mkdir()
        for file, text in (("name", kind), ("energy_uj", energy), ("max_energy_range_uj", "1000000")):
            (domain / file).write_text(f"{text}\n")
    return folder


def test_energy_is_that_of_all_packages_and_starts_again_at_its_range(tmp_path: Path) -> None:
    domains = {"intel-rapl:0": ("package-0", "999000"), "intel-rapl:0:0": ("core", "5"), "intel-rapl:1": ("psys", "5")}
    paths, why = cost_energy.files(powercap(tmp_path, domains))
    assert (len(paths), why) == (2, "")
    before = around.read(paths)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("4000\n")
    after = around.read(paths)
    assert cost_energy.joules(before, after) == pytest.approx(0.005)
    record = counted(3.0)
    both = replace(record.around, before={**record.around.before, **before}, after={**record.around.after, **after})
    energy = derived(replace(record, around=both))[1]
    assert (energy.metric, energy.unit) == ("energy_per_work", "J")
    assert energy.value == pytest.approx(0.005 / 100)


def test_a_machine_without_energy_counters_says_so(tmp_path: Path) -> None:
    assert cost_energy.files(tmp_path) == ([], f"this machine shows no RAPL package in {tmp_path}")
    assert cost_energy.joules({}, {}) is None
    assert [sample.metric for sample in derived(counted(3.0))] == ["cpu_per_work"]


MOVED = 'group=$1; mkdir "$group"; echo 0 >"$group/cgroup.procs"; shift; exec chroot "$@"'  # what an engine does


@pytest.mark.real
def test_a_run_shows_what_its_jobs_cost_even_where_a_target_was_moved(home: Home) -> None:
    own = account.group_of(os.getpid())
    if own is None or os.getuid():
        pytest.skip("no control group may be made here")
    group = own / f"vbench-test-{os.getpid()}"
    home.targets(moved=["sh", "-ec", MOVED, "sh", str(group), "{rootfs}", "{command}"])
    home.workload("burn", f"python3 -c '{BURN}' && echo rate 10")
    try:
        done = home.run(target="moved")
    finally:
        group.rmdir()
    assert done.returncode == 0, done.stderr
    rows = json.loads(home.vbench("show", "--cost", "--format", "json").stdout)["rows"]
    assert [(row["target"], row["metric"], row["workload"]) for row in rows] == [
        (target, "cpu_per_work", "own.burn") for target in ("bare", "bare2", "moved")
    ]
    for path in (home.bundles()[0] / "raw").glob("*.json"):
        record = json.loads(path.read_text())
        work = 10 * record["wall"]
        value = next(row["value"] for row in rows if row["target"] == record["step"]["target"])
        assert 0.27 <= value * work < 5
    assert all(row["ratio"] and row["comparable"] for row in rows)
    table = home.vbench("show", "--cost")
    assert "energy_per_work is unknown: this machine shows no RAPL package" in table.stdout or "(J," in table.stdout
    assert "cpu_per_work" not in done.stdout
    assert "inside measured jobs" in " ".join(done.stdout.split())
    (times,) = home.lines("times.jsonl")
    assert times["jobs"] >= sum(json.loads(path.read_text())["wall"] for path in (home.bundles()[0] / "raw").iterdir())
    assert home.vbench("verify").returncode == 0
