"""Every shipped job and the example run for real on this host, the session's part done by hand."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from vbench import config
from vbench.model import Failure
from vbench.workloads import Step, Workload, expand, parse

EXAMPLES = Path(__file__).parents[2] / "docs/examples/workloads"
WORKLOADS = config.workloads([EXAMPLES])

Values = Mapping[str, object]


@pytest.fixture
def values(tmp_path: Path) -> Values:
    """Return what a session would fill in."""
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {
        "cpus": 2,
        "memory": 512 * 2**20,
        "seconds": 1,
        "work": tmp_path / "work",
        "data": tmp_path / "data",
        "peer": "127.0.0.1",
        "port": port,
    }


def run(step: Step, values: Values) -> str:
    argv = expand(step.argv, values)
    environ = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(
        argv, cwd=str(values["work"]), env=environ, capture_output=True, timeout=step.timeout, check=True
    )
    return done.stdout.decode()


@contextmanager
def served(workload: Workload, values: Values) -> Iterator[None]:
    """Run the server as a session would: the job begins when `until` is seen, and then the server ends by itself."""
    if workload.server is None:
        yield
        return
    argv = expand(workload.server.argv, values)
    with subprocess.Popen(argv, cwd=str(values["work"]), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            assert any(workload.server.until in line for line in server.stdout)
            yield
            assert server.wait(workload.server.timeout) == 0
        finally:
            server.kill()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_the_job_runs_twice_and_every_metric_is_a_plausible_number(workload: Workload, values: Values) -> None:
    for name, content in workload.contents.items():
        Path(str(values["work"]), name).write_bytes(content)
    if workload.prepare:
        run(workload.prepare, values)
    for _ in range(2):
        with served(workload, values):
            stdout = run(workload.job, values)
        for metric, value in parse(workload, stdout).items():
            assert not isinstance(value, Failure), (metric, value)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_shipped_workload_says_how_long_a_job_runs_and_is_bounded(workload: Workload) -> None:
    assert any("{seconds}" in element for element in workload.job.argv)
    assert workload.job.timeout >= 120


def test_the_files_of_the_disk_jobs_are_laid_out_with_real_blocks(values: Values) -> None:
    for workload in (workload for workload in WORKLOADS if workload.family == "disk"):
        for name, content in workload.contents.items():
            Path(str(values["work"]), name).write_bytes(content)
        assert workload.prepare is not None
        run(workload.prepare, values)
        (file,) = Path(str(values["data"])).iterdir()
        assert file.stat().st_size == 128 * 2**20
        assert file.stat().st_blocks * 512 >= file.stat().st_size
        with file.open("rb") as stream:
            assert all(stream.read(4096).strip(b"\0") for _ in range(256))
        file.unlink()


def test_a_peer_that_hangs_up_fails_the_ping_pong(values: Values) -> None:
    (ask,) = (workload for workload in WORKLOADS if workload.name == "network.latency")
    Path(str(values["work"]), "pingpong.py").write_bytes(ask.contents["pingpong.py"])
    with socket.create_server(("127.0.0.1", int(str(values["port"])))) as listener:
        argv = expand(ask.job.argv, values)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            listener.accept()[0].close()
            stdout, stderr = client.communicate(timeout=60)
    assert client.returncode == 1
    assert stdout == ""
    assert "hung up" in stderr or "reset" in stderr
