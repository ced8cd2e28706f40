"""What the harness itself costs: fio and sysbench through vbench on bare against the same command run by hand."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from math import exp, log, sqrt
from pathlib import Path
from statistics import fmean, stdev

import pytest
from scipy.special import stdtrit

from tests.bench.sides import Say, interleave
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.run import jobs
from vbench.run.machine import Machine, machine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.place import Settings

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
PAIRS = 20
GOALS = {
    "sysbench": "contains 1, at most 2 % wide; the harness's own cost is below 0.5 % of a job",
    "fio": "contains 1",
}
SYSBENCH = ["sysbench", "cpu", "--cpu-max-prime=10000", "--time=2", "--threads=1", "run"]
FIO = "fio --name=x --filename={file} --size=64M --rw=randread --bs=4k --direct=1 --ioengine=psync"
FIO += " --time_based --runtime=2 --output-format=json"

# fio maps files in /tmp and dirties them while it measures: on the disk under test that costs 8 % of its requests.
MOUNT = """
for dir in proc sys dev; do mount --rbind "/$dir" "$0/$dir"; done
mount -t tmpfs -o mode=1777 tmp "$0/tmp"
mount --rbind "$1" "$0/data"; shift
exec chroot "$0" "$@"
"""


@pytest.fixture
def bare(image: Image) -> Iterator[tuple[Machine, Instance, Path]]:
    """An open bare instance, and the host's folder behind its /data."""
    with Ledger() as ledger, machine(image, ledger, 1, wired=True) as host, ExitStack() as stack:
        place = stack.enter_context(host.place("bare"))
        yield (
            host,
            stack.enter_context(open_target(Catalogue().target("bare"), place, Settings(), ledger)),
            Path(place.data),
        )


def by_hand(host: Machine, argv: list[str], root: Path) -> str:
    """Return the output of a command in the image's root on the targets' CPUs, started without vbench."""
    pin = ["taskset", "--cpu-list", ",".join(map(str, host.target_cpus))]
    command = [*pin, "unshare", "--mount", "sh", "-ec", MOUNT, str(host.image.rootfs), str(root), *argv]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=jobs.environment()).stdout


def rate(output: str) -> float:
    """Return the events per second, or the operations."""
    if output.lstrip().startswith("{"):
        return float(json.loads(output)["jobs"][0]["read"]["iops"])
    found = re.search(r"events per second:\s+([\d.]+)", output)
    assert found
    return float(found[1])


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Return the geometric mean of the ratios and its 95 % t interval."""
    logs = [log(r) for r in ratios]
    half = float(stdtrit(len(logs) - 1, 0.975)) * stdev(logs) / sqrt(len(logs))
    return exp(fmean(logs)), exp(fmean(logs) - half), exp(fmean(logs) + half)


@pytest.mark.parametrize(("name", "goal"), GOALS.items())
def test_the_harness_costs_nothing(bare: tuple[Machine, Instance, Path], say: Say, name: str, goal: str) -> None:
    host, instance, data = bare
    argv = SYSBENCH if name == "sysbench" else FIO.format(file="/data/file").split()

    def through() -> float:
        return rate(instance.pipe.exec(argv, timeout=60, env=jobs.environment(), watch=jobs.COUNTERS).stdout)

    def hand() -> float:
        return rate(by_hand(host, argv, data))

    through()  # lays out the file and warms the caches
    ratios = [other / one for one, other in zip(*interleave(through, hand, PAIRS), strict=True)]
    middle, low, high = interval(ratios)
    say(f"{name} through vbench against by hand", f"{middle:.4f} [{low:.4f}, {high:.4f}], {PAIRS} pairs", goal)
