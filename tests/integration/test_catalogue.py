"""Every shipped workload for real: once on bare metal, in a container, in a guest and in a nested guest."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.run.command import Home, leftovers
from vbench import config
from vbench.workloads import Workload

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.getuid() != 0, reason="the network and podman need root"),
]
TARGETS = ("bare", "podman", "kvm", "kvm/kvm")
WORKLOADS = config.workloads()
# What cannot be had here, with words of the reason that the cell must give instead of a number.
EXCUSED = {("disk.randread-uring", "podman"): "support io_uring"}


@pytest.fixture(scope="module")
def lines(shared_home: Home) -> Iterator[list[dict[str, object]]]:
    """The samples of one run of the whole catalogue."""
    done = shared_home.vbench("run", "--target", ",".join(TARGETS), "--workload", "*", "--profile", "smoke", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    yield shared_home.lines()
    assert not leftovers(shared_home, [])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_metric_has_a_number_or_the_reason(
    lines: list[dict[str, object]], workload: Workload, target: str
) -> None:
    mine = [line for line in lines if (line["workload"], line["target"]) == (workload.name, target)]
    assert {line["metric"] for line in mine} >= {metric.name for metric in workload.metrics}
    excuse = EXCUSED.get((workload.name, target))
    for line in mine:
        if excuse is None:
            assert line["value"] is not None, json.dumps(line["failure"])
        else:
            assert excuse in str(line["failure"]), f"{line['metric']} has {line['value']}"
