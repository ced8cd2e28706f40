"""Sanity before performance: every check on records that show it, and on targets that really do it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.run.command import Home
from vbench import config
from vbench.model import Sample
from vbench.run import around
from vbench.run.around import Around
from vbench.run.sanity import CHECKS, Job, device_bytes, direct_bytes, remarks, voided
from vbench.stats import cells
from vbench.targets.pipe import Outcome
from vbench.workloads import Workload

FINE = Outcome(0, None, timed_out=False, wall=1.0, host_wall=1.0, stdout="", stderr="", rusage={}, before={}, after={})
DISK = "254 0 vda {0} 0 {1} 0 0 0 0 0 0 0 0\n 7 0 loop0 9 0 999999999 0 0 0 0 0 0 0 0\n"
NET = "Inter-| Receive\n face |bytes\n  lo: {0} 1 0\n eth0: {1} 1 0\n"
FIO: Mapping[str, Any] = {"jobs": [{"job options": {"direct": "1"}, "read": {"io_bytes": 4096000}, "write": {}}]}


def workload(name: str) -> Workload:
    return next(one for one in config.workloads() if one.name == name)


def said(name: str, outcome: Outcome = FINE, host: Around = Around(seconds=1)) -> list[str]:  # noqa: B008 - frozen
    return [remark.partition(":")[0] for remark in remarks(Job(workload(name), outcome, host))]


def disk(sectors: int) -> dict[str, str | None]:
    return {around.DISKS: DISK.format(sectors // 8, sectors)}


def test_a_job_about_which_nothing_is_known_has_no_remark() -> None:
    assert [said(name) for name in ("cpu.primes", "disk.randread", "network.stream")] == [[], [], []]


@pytest.mark.parametrize(("wall", "found"), [(0.4, ["early"]), (0.6, []), (1.0, [])])
def test_a_job_that_ends_long_before_its_time(wall: float, found: list[str]) -> None:
    assert said("cpu.primes", replace(FINE, wall=wall)) == found


def test_a_job_that_was_told_no_seconds_may_take_any() -> None:
    timeless = workload("cpu.primes")
    timeless = replace(timeless, job=replace(timeless.job, argv=("true",)))
    assert remarks(Job(timeless, replace(FINE, wall=0.001), Around(seconds=10))) == ()


def test_direct_io_that_reached_the_device_on_both_sides() -> None:
    outcome = replace(FINE, stdout=json.dumps(FIO), before=disk(0), after=disk(8000))
    assert said("disk.randread", outcome, Around(1, disk(0), disk(8001))) == []


def test_direct_io_that_the_target_or_only_the_host_kept_in_memory() -> None:
    outcome = replace(FINE, stdout=json.dumps(FIO), before=disk(0), after=disk(8))
    assert said("disk.randread", outcome, Around(1, disk(0), disk(8000))) == ["direct"]
    outcome = replace(outcome, after=disk(8000))
    assert said("disk.randread", outcome, Around(1, disk(0), disk(8))) == ["direct on the host"]


def test_buffered_io_need_not_reach_a_device() -> None:
    for options in ({}, {"direct": "0"}):
        document = json.dumps({"jobs": [{**FIO["jobs"][0], "job options": options}]})
        assert said("disk.randread", replace(FINE, stdout=document, before=disk(0), after=disk(0))) == []


def test_direct_stands_in_the_global_options_too_and_a_job_may_object() -> None:
    job = {"read": {"io_bytes": 10}, "write": {"io_bytes": 5}}
    assert direct_bytes(json.dumps({"global options": {"direct": "1"}, "jobs": [job]})) == 15
    objects = {**job, "job options": {"direct": "0"}}
    assert direct_bytes(json.dumps({"global options": {"direct": "1"}, "jobs": [objects]})) == 0


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"jobs": 3}', '{"jobs": [1, {"read": 2}]}', '{"jobs": [{"read": {}}]}']
)
def test_output_of_another_form_claims_nothing(text: str) -> None:
    assert direct_bytes(text) == 0


def test_counters_that_are_no_counters_are_unknown() -> None:
    assert device_bytes(None, "") is None
    assert device_bytes("", "a b c\n1 2 sda x 0 y\n\x00") is None


def test_the_packets_took_the_loopback_device() -> None:
    net = {
        name: {"/proc/net/dev": NET.format(*counts)}
        for name, counts in {"a": (5, 5), "b": (9000, 6), "c": (6, 9000)}.items()
    }
    assert said("network.latency", replace(FINE, before=net["a"], after=net["b"])) == ["loopback"]
    assert said("network.latency", replace(FINE, before=net["a"], after=net["c"])) == []
    assert said("cpu.primes", replace(FINE, before=net["a"], after=net["b"])) == []


@pytest.mark.parametrize(
    ("path", "before", "after", "name"),
    [
        ("/sys/fs/cgroup/cpu/x/cpu.stat", "nr_periods 5\nnr_throttled 1\n", "nr_periods 9\nnr_throttled 3\n", "quota"),
        ("/sys/fs/cgroup/cpu.stat", "usage_usec 5\nthrottled_usec 0\n", "usage_usec 9\nthrottled_usec 3\n", "quota"),
        ("/sys/fs/cgroup/memory.events", "low 0\nmax 0\n", "low 0\nmax 7\n", "memory limit"),
        ("/sys/fs/cgroup/memory/memory.failcnt", "0\n", "12\n", "memory limit"),
        ("/proc/vmstat", "pswpin 0\npswpout 7\n", "pswpin 900\npswpout 900\n", "paging"),
    ],
)
def test_counters_that_grew_inside_or_around(path: str, before: str, after: str, name: str) -> None:
    grew = replace(FINE, before={path: before}, after={path: after})
    assert said("cpu.primes", grew) == [name]
    assert said("cpu.primes", replace(grew, after={path: before})) == []
    if name != "paging":  # of the host's own swapping nothing is asked
        assert said("cpu.primes", FINE, Around(1, {path: before}, {path: after})) == [name]


def test_pages_that_a_job_reads_again_and_again() -> None:
    assert said("cpu.primes", replace(FINE, rusage={"majflt": 5000.0})) == ["paging"]


def samples(remarks: list[tuple[str, ...]]) -> list[Sample]:
    one = Sample("w", "m", "1/s", "higher", "kvm", "i", 0, 0, 0, 1.0)
    return [replace(one, iteration=n, warnings=found) for n, found in enumerate(remarks)]


def test_most_jobs_must_show_it_before_a_ratio_is_void() -> None:
    early, quota = (f"{check.name}: {check.says}" for check in CHECKS if check.name in ("early", "quota"))
    assert voided(samples([(early,), (early,), ()])) == {("w", "kvm"): (early,)}
    assert voided(samples([(early,), ()])) == {("w", "kvm"): ()}
    assert voided(samples([(quota,), (quota,)])) == {("w", "kvm"): ()}
    clock = ("clock: the job took 1.0 s", "clock: the job took 1.1 s")
    assert voided(samples([(text,) for text in clock])) == {("w", "kvm"): (clock[0],)}
    warm = [replace(sample, warmup=True) for sample in samples([(early,), (early,)])]
    assert voided([*warm, *samples([()])]) == {}


@pytest.mark.parametrize(("cost", "doubted"), [(0.4, True), (0.6, False), (1.0, False), (40.0, False)])
def test_a_target_at_less_than_half_of_bares_cost_is_doubted_even_after_one_boot(cost: float, doubted: bool) -> None:
    bare = replace(samples([()])[0], unit="s", better="lower", target="bare")
    rows = cells([bare, replace(bare, target="kvm", value=cost)])
    assert [any("implausible" in text for text in row.warnings) for row in rows] == [False, doubted]


CACHED = 'mount -t tmpfs tmp "$1/data"; shift; exec "$@"'  # direct I/O that the kernel grants and no device sees


@pytest.mark.real
def test_a_target_that_caches_direct_io_gets_no_ratio(home: Home) -> None:
    home.targets(cached=["sh", "-ec", CACHED, "sh", "{rootfs}", "chroot", "{rootfs}", "{command}"])
    done = home.vbench("run", "--target", "cached", "--workload", "disk.randread", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    rows = json.loads(home.vbench("show", "--format", "json").stdout)["rows"]
    cached = [row for row in rows if row["target"] == "cached"]
    assert {row["verdict"] for row in cached} == {"withheld"}
    assert all("direct on the host: the job's direct I/O did not reach" in " ".join(row["warnings"]) for row in cached)
    bare = [row for row in rows if row["target"] == "bare"]
    assert not any("direct" in " ".join(row["warnings"]) for row in bare)
    assert home.vbench("verify").returncode == 0
