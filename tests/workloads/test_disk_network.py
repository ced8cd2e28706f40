"""What is particular to the disk and the network jobs."""

import json

import pytest

from tests.workloads.bench import ROOT, Bench
from vbench import config
from vbench.model import Failure
from vbench.run import jobs
from vbench.workloads import Workload, expand, parse

WORKLOADS = {workload.name: workload for workload in config.workloads()}
DISK = [workload for workload in WORKLOADS.values() if workload.family == "disk"]
SIZES = {"log.dat": 16 * 2**20, "read.dat": 128 * 2**20, "write.dat": 128 * 2**20}
BLOCKS = "find /data -name '*.dat*' -type f -printf '%f %s %b %i %T@\\n' | sort"
WRITTEN = "import sys; sys.exit(not all(open(sys.argv[1], 'rb').read(4096).strip(b'\\0') for _ in range(256)))"
needs_root = pytest.mark.skipif(not ROOT, reason="the network and the limits need root")


def job_of(bench: Bench, workload: Workload, port: int) -> tuple[str, ...]:
    return expand(workload.job.argv, bench.setting.values(workload, bench.instance, port, workload.job.where))


@needs_root
def test_the_files_of_the_disk_jobs_are_laid_out_once_for_all_of_them_with_real_blocks(bench: Bench) -> None:
    for workload in DISK:
        bench.prepare(workload)
    laid = bench.ask("sh", "-c", BLOCKS)
    found = {name: (int(size), int(blocks) * 512) for name, size, blocks, *_ in map(str.split, laid.splitlines())}
    assert {name: size for name, (size, _) in found.items()} == SIZES
    assert all(taken >= size for size, taken in found.values())
    for folder, name in (("shared", "read.dat"), ("shared", "write.dat"), ("disk.fsync", "log.dat")):
        bench.ask("python3", "-c", WRITTEN, f"/data/{folder}/{name}")
    for workload in DISK:
        bench.prepare(workload)
    assert bench.ask("sh", "-c", BLOCKS) == laid


@needs_root
def test_a_layout_that_was_cut_off_is_begun_anew_and_one_that_fails_fails_the_preparation(bench: Bench) -> None:
    layout = f"{jobs.work_folder(WORKLOADS['disk.fsync'], bench.instance)}/layout.sh"
    bench.prepare(WORKLOADS["disk.fsync"])
    bench.ask("sh", "-c", "echo rest >/data/cut.dat.part")
    bench.ask("sh", layout, "/data/cut.dat", "1m")
    assert bench.ask("stat", "-c", "%s", "/data/cut.dat") == f"{2**20}\n"
    assert not bench.instance.pipe.exec(["sh", layout, "/data/cut.dat/below", "1m"]).ok


@needs_root
def test_requests_that_fail_fail_the_job_of_wrk(bench: Bench) -> None:
    workload = WORKLOADS["network.http"]
    bench.prepare(workload)
    argv = job_of(bench, workload, 29000)
    folder, peer = jobs.work_folder(workload, bench.setting.peer), bench.setting.peer.pipe
    with jobs.serving(workload, bench.instance, bench.setting, 29000):
        wrong = peer.exec([*argv[:-1], argv[-1].replace("/page", "/none")], cwd=folder)
    gone = peer.exec(argv, cwd=folder)
    assert (wrong.status, wrong.stdout.count('"rate"')) == (1, 0)
    assert "requests failed ('status')" in wrong.stderr
    assert (gone.status, gone.stdout.count('"rate"')) == (1, 0)


@pytest.mark.parametrize("name", ["network.packets", "network.packets-in"])
def test_a_loss_of_nothing_is_a_number_and_a_loss_of_no_packets_is_none(name: str) -> None:
    def said(loss: str, bits: float) -> dict[str, float | Failure]:
        document = json.dumps({"end": {"sum_received": {"bits_per_second": bits, "lost_percent": "LOSS"}}})
        return parse(WORKLOADS[name], document.replace('"LOSS"', loss))

    assert said("0", 51200.0) == {"packets": 100.0, "loss": 0.0}
    assert said("12.5", 51200.0) == {"packets": 100.0, "loss": 0.125}
    assert all(isinstance(value, Failure) for value in said("-nan", 0.0).values())
