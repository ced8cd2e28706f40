"""Overheads by control group, version 1 or 2: a share of the CPU, and a cap on the disk's requests or bytes.

Sources: the kernel's Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v1/blkio-controller.rst and
admin-guide/cgroup-v2.rst.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from vbench import paths
from vbench.errors import HostError
from vbench.ledger import made, new_name
from vbench.model import Missing
from vbench.targets import confine
from vbench.targets.impose.burden import ROOT, Burden
from vbench.targets.place import Place, Settings

PERIOD = 10_000  # us: with the usual 100 ms the slice that is free at a job's start distorts it
BLOCKS = Path("/sys/dev/block")
Values = Mapping[str, Mapping[str, object]]  # by controller, "" being version 2; what is written into which file


def missing(controller: str) -> list[Missing]:
    """Return what keeps us from making a group of a controller."""
    if os.getuid():
        return [ROOT]
    return [] if _top(controller) else [Missing(f"the cgroup controller '{controller}'", "mount or delegate it")]


def quota(share: float, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    """Give the target `share` of the time of its CPUs, in slices of `PERIOD`."""
    time = round(share * PERIOD * settings.cpus)
    values: Values = {
        "cpu": {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": time},
        "": {"cpu.max": f"{time} {PERIOD}"},
    }
    return _joined("cpu", values, place, settings, stack)


def requests(rate: float, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    """Let the target make at most `rate` requests a second to the disk with its data."""
    return _disk("iops", round(rate), place, settings, stack)


def transfer(rate: float, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    """Let the target move at most `rate` bytes a second each way to the disk with its data."""
    return _disk("bps", round(rate), place, settings, stack)


def missing_disk() -> list[Missing]:
    """Return what keeps us from throttling the disk on which data folders are made."""
    if lacking := missing("blkio"):
        return lacking
    folder = paths.scratch()
    fix = "set VBENCH_SCRATCH to a folder on a local disk"
    return [] if device(folder) else [Missing(f"a block device of its own behind '{folder}'", fix)]


def device(folder: Path) -> str | None:
    """Return MAJOR:MINOR of the whole disk behind a folder, None where no single one is."""
    number = folder.stat().st_dev
    link = BLOCKS / f"{os.major(number)}:{os.minor(number)}"
    if not link.exists():
        return None
    whole = link.resolve()
    whole = whole.parent if (whole / "partition").exists() else whole
    return (whole / "dev").read_text().strip()


def _disk(what: str, rate: int, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    disk = device(Path(place.data))
    if disk is None:
        raise HostError(f"'{place.data}' is on no single block device.", "Set VBENCH_SCRATCH to a local disk.")
    line = f"{disk} {rate}"
    values: Values = {
        "blkio": {f"blkio.throttle.{way}_{what}_device": line for way in ("read", "write")},
        "": {"io.max": f"{disk} r{what}={rate} w{what}={rate}"},
    }
    return _joined("blkio", values, place, settings, stack)


def _top(controller: str) -> tuple[Path, bool] | None:
    """Return the folder in which groups of a controller can be made, and whether it is of version 1.

    In version 1 that is our own group, so that whatever holds bare holds the target too. In version 2 a group with
    processes in it can have none below.
    """
    own = _own(controller)
    if own and os.access(own, os.W_OK):
        return own, True
    name = {"blkio": "io"}.get(controller, controller)
    listed = confine.ROOT / "cgroup.subtree_control"
    return (confine.ROOT, False) if listed.exists() and name in listed.read_text().split() else None


def _own(controller: str) -> Path | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return confine.ROOT / controllers / path.lstrip("/")
    return None


def _joined(controller: str, values: Values, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    """Make a group with these values and return the words that join it."""
    found = _top(controller)
    if found is None:
        raise HostError(f"No group of the controller '{controller}' can be made.", "Mount or delegate it.")
    top, old = found
    group = top / new_name()
    stack.enter_context(place.hold("cgroup", path=str(group)))
    with made(group):
        group.mkdir()
        for name, value in values[controller if old else ""].items():
            (group / name).write_text(f"{value}\n")
        if not old and (group / "memory.max").exists():  # the process leaves the group that had its memory limit
            (group / "memory.max").write_text(f"{settings.memory}\n")
    return Burden(place, ("sh", "-ec", confine.JOIN, "sh", str(group / "cgroup.procs")))
