"""What is particular to the app family: that its jobs do what they are timed for."""

import json
import re
from pathlib import Path

import pytest

from tests.workloads.bench import ROOT, Bench
from vbench import config
from vbench.run import jobs
from vbench.targets.pipe import Outcome
from vbench.workloads import Workload, expand

WORKLOADS = {workload.name: workload for workload in config.workloads()}
APP = Path(WORKLOADS["app.web"].path).parent
PORT = 29000
CLUSTER = "/usr/lib/vbench/native/cluster"
COUNT = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM ledger').fetchone())"
pytestmark = pytest.mark.skipif(not ROOT, reason="the network and the limits need root")


def run_job(bench: Bench, workload: Workload, port: int = PORT) -> Outcome:
    """Run the job on its side, as it is, without a server."""
    side = bench.setting.side(workload.job.where, bench.instance)
    argv = expand(workload.job.argv, bench.setting.values(workload, bench.instance, port, workload.job.where))
    return side.pipe.exec(argv, cwd=jobs.work_folder(workload, side), timeout=workload.job.timeout)


@pytest.mark.parametrize("twin", ["cpu/repeat.py", "network/nginx.conf", "network/wrk.lua"])
def test_a_file_that_two_families_carry_is_the_same(twin: str) -> None:
    assert (APP / Path(twin).name).read_bytes() == (APP.parent / twin).read_bytes()


def test_every_get_of_redis_finds_its_key(bench: Bench) -> None:
    workload = WORKLOADS["app.redis-inside"]
    bench.prepare(workload)
    with jobs.serving(workload, bench.instance, bench.setting, PORT):
        done = run_job(bench, workload)
        stats = bench.ask("redis-cli", "-p", str(PORT), "info", "stats")
        keys = bench.ask("redis-cli", "-p", str(PORT), "dbsize")
    assert done.ok
    assert "keyspace_misses:0\r" in stats
    assert re.search(r"keyspace_hits:[1-9]\d{3}", stats)
    assert keys == "10000\n"


@pytest.mark.parametrize("name", ["app.redis-get", "app.postgres-select", "app.web"])
def test_a_client_whose_server_is_not_there_gives_no_number(bench: Bench, name: str) -> None:
    workload = WORKLOADS[name]
    jobs.put_files(workload, bench.setting.peer)
    done = run_job(bench, workload, PORT + 1)
    assert not done.ok
    assert "latency" not in done.stdout
    assert done.stderr


def test_the_image_carries_the_cluster_that_every_build_would_make(bench: Bench) -> None:
    again = "/tmp/again.tar.zst"  # noqa: S108 - in the target
    bench.ask("sh", f"{CLUSTER}.sh", again)
    bench.ask("cmp", again, f"{CLUSTER}.tar.zst")
    bench.ask("rm", again)


def test_what_postgres_committed_is_there_after_its_sudden_end_and_no_shared_memory(bench: Bench) -> None:
    workload = WORKLOADS["app.postgres"]
    before = bench.ask("cat", "/proc/sysvipc/shm")
    bench.prepare(workload)
    with jobs.serving(workload, bench.instance, bench.setting, PORT):
        done = run_job(bench, workload)
    assert done.ok, done.complaint()
    transactions = re.search(r"transactions actually processed: (\d+)", done.stdout)
    assert transactions
    with jobs.serving(workload, bench.instance, bench.setting, PORT + 1):
        select = ["--command", "SELECT count(*) FROM pgbench_history", "--tuples-only", "--no-align"]
        at = ["--host", "127.0.0.1", "--port", str(PORT + 1), "--username", "postgres"]
        rows = bench.ask("/usr/lib/postgresql/15/bin/psql", *at, *select)
    assert int(rows) == int(transactions[1]) > 0
    assert bench.ask("cat", "/proc/sysvipc/shm") == before


def test_a_row_in_the_file_for_every_insert_of_sqlite(bench: Bench) -> None:
    workload = WORKLOADS["app.sqlite-insert"]
    bench.prepare(workload)
    done = sum(json.loads(run_job(bench, workload).stdout)["done"] for _ in range(2))
    file = f"{jobs.data_folder(workload, bench.instance)}/ledger.sqlite"
    assert int(bench.ask("python3", "-c", COUNT, file)) == done > 0


def test_what_is_unpacked_is_what_was_packed(bench: Bench) -> None:
    workload = WORKLOADS["app.archive"]
    bench.prepare(workload)
    assert run_job(bench, workload).ok
    data = jobs.data_folder(workload, bench.instance)
    assert bench.ask("diff", "--recursive", f"{data}/tree", f"{data}/out/tree") == ""
    bench.ask("rm", "-r", f"{data}/tree")
    assert not run_job(bench, workload).ok


def test_a_build_whose_program_says_another_thing_fails(bench: Bench) -> None:
    workload = WORKLOADS["app.build"]
    bench.prepare(workload)
    template = f"{jobs.work_folder(workload, bench.instance)}/template.c"
    assert run_job(bench, workload).ok
    bench.instance.pipe.put(template, workload.contents["template.c"].replace(b"unit %s", b"Unit %s"))
    wrong = run_job(bench, workload)
    bench.instance.pipe.put(template, b"int unit@(int count) { return")
    broken = run_job(bench, workload)
    assert not wrong.ok
    assert "report expected differ" in wrong.stderr
    assert not broken.ok
    assert "error" in broken.stderr
