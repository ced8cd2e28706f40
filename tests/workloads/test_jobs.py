"""A shipped job of each family and the example for real, twice in one instance: what the first leaves does no harm."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workloads.bench import ROOT, Bench
from vbench import config
from vbench.workloads import Workload

EXAMPLES = Path(__file__).parents[2] / "docs/examples/workloads"
WORKLOADS = config.workloads([EXAMPLES])
EXAMPLE = next(workload for workload in WORKLOADS if workload.path.startswith(str(EXAMPLES)))
ONES = [workload for workload in WORKLOADS if workload.instance is None]  # the others need a new instance each time
SAMPLE = (*{one.family: one for one in sorted(ONES, key=lambda one: "quick" in one.tags)}.values(), EXAMPLE)


@pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
@pytest.mark.parametrize("workload", SAMPLE, ids=lambda workload: workload.name)
def test_a_job_gives_every_metric_twice_in_one_instance(bench: Bench, workload: Workload) -> None:
    bench.prepare(workload)
    samples = bench.iterate(workload, times=2)
    assert len(samples) == 2 * len(workload.metrics)
    for sample in samples:
        assert sample.value is not None, sample.failure
        assert not any(remark.startswith("loopback") for remark in sample.warnings)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_slow_target_has_time_for_every_job(workload: Workload) -> None:
    assert workload.job.timeout >= 120
    assert all(step is None or step.timeout >= 30 for step in (workload.prepare, workload.server))


@pytest.fixture
def ask(tmp_path: Path) -> Path:
    """Return the ping-pong's program."""
    (latency,) = (workload for workload in WORKLOADS if workload.name == "network.latency")
    program = tmp_path / "pingpong.py"
    program.write_bytes(latency.contents["pingpong.py"])
    return program


def test_a_peer_that_hangs_up_fails_the_ping_pong(ask: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        argv = [sys.executable, str(ask), "ask", "127.0.0.1", str(listener.getsockname()[1]), "1"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            listener.accept()[0].close()
            stdout, stderr = client.communicate(timeout=60)
    assert client.returncode == 1
    assert stdout == ""
    assert "hung up" in stderr or "reset" in stderr


def test_a_slow_ping_pong_goes_on_until_it_has_a_99th_percentile(ask: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with subprocess.Popen([sys.executable, str(ask), "serve", port], stdout=subprocess.PIPE) as server:
        assert server.stdout
        server.stdout.readline()
        argv = [sys.executable, str(ask), "ask", "127.0.0.1", port, "1e-6"]
        done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["round_trips"] >= 100
