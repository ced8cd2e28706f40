"""Every shipped workload for real: once on bare metal, in a container, in a guest and in a nested guest."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.run.command import Home, leftovers
from vbench import config
from vbench.workloads import Workload

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.xdist_group("catalogue"),  # beside what else uses the machine, on a CPU of its own
    pytest.mark.skipif(os.getuid() != 0, reason="the network and podman need root"),
]
TARGETS = ("bare", "podman", "kvm", "kvm/kvm")
# With one CPU the variants for all CPUs are the same jobs; how many guests a machine holds is no question of a minute.
LEFT = ("-all", ".density", ".density-ksm")
WORKLOADS = [one for one in config.workloads() if not one.name.endswith(LEFT)]
# What cannot be had here, with words of the reason that the cell must give instead of a number.
EXCUSED = {
    ("disk.randread-uring", "podman"): "support io_uring",
    ("system.cyclictest", "podman"): "scheduling policy",  # no CAP_SYS_NICE
    ("system.port", "podman"): "I/O port 0x80",  # no CAP_SYS_RAWIO
    ("system.port", "bare"): "I/O port 0x80",  # our kernel is built without ioperm
    **{(name, target): "two CPUs" for name in ("system.ipi", "system.wake") for target in TARGETS},
}


Line = dict[str, Any]


@pytest.fixture(scope="module")
def lines(shared_home: Home) -> Iterator[list[Line]]:
    """The samples of one run of the whole catalogue.

    A nested guest under emulation stops answering once in some hundred jobs on a busy machine. Its cells of that boot
    are lost, and those workloads get one more run: a fresh instance must give their numbers.
    """
    first = taken(shared_home, {workload.name for workload in WORKLOADS})
    lost = {line["workload"] for line in first if line["failure"] and line["failure"]["blame"] == "target"}
    again = taken(shared_home, lost) if lost else []
    yield [line for line in first if line["workload"] not in lost] + again
    assert not leftovers(shared_home, [])


def taken(home: Home, workloads: set[str]) -> list[Line]:
    chosen = [word for name in sorted(workloads) for word in ("--workload", name)]
    first = str(min(os.sched_getaffinity(0)))
    words = ("run", "--target", ",".join(TARGETS), *chosen, "--profile", "smoke", "--seed", "1")
    words += ("--baseline", "none")  # no ratio is looked at, and a control costs two minutes
    done = replace(home, seconds=2300).vbench(*words, prefix=("taskset", "--cpu-list", first))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return home.lines()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_metric_has_a_number_or_the_reason(lines: list[Line], workload: Workload, target: str) -> None:
    mine = [line for line in lines if (line["workload"], line["target"]) == (workload.name, target)]
    assert {line["metric"] for line in mine} >= {metric.name for metric in workload.metrics}
    excuse = EXCUSED.get((workload.name, target))
    for line in mine:
        if excuse is None:
            assert line["value"] is not None, json.dumps(line["failure"])
        else:
            assert line["value"] is not None or excuse in str(line["failure"]), json.dumps(line["failure"])
