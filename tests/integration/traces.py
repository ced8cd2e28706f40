"""What a vbench leaves on a machine: everything that carries its mark, whether a ledger knows of it or not."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from tests.run.command import Home

MARKED = re.compile(r"vbench-(?:[^/ ]*-)?(\d+)-\w+")  # a name of ours, with the PID of the vbench that made it
PASSING = (Path("/var/tmp"), Path("/dev/shm"), Path("/run/netns"))  # noqa: S108 - where things of ours would be left


def gone(pid: int) -> bool:
    """Whether there is no such process."""
    return not Path("/proc", str(pid)).exists()


def traces(home: Home, whose: Callable[[int], bool] = gone) -> set[str]:
    """Every file, namespace, control group and mount that the vbench has marked whose PID `whose` takes."""
    found = {str(path) for folder in (*PASSING, home.scratch) for path in folder.glob("vbench-*")}
    for folder, names, _ in os.walk("/sys/fs/cgroup"):  # which takes no offence at what goes meanwhile
        found |= {f"{folder}/{name}" for name in names if name.startswith("vbench-")}
    return {trace for trace in found | mounts() if (pid := MARKED.search(trace)) and whose(int(pid[1]))}


def mounts(folder: Path = Path("/")) -> set[str]:
    """The lines of the mounts that have to do with a folder."""
    return {line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line}
