"""What the host sees around a job: its block devices, and the control groups of the process that is the target.

A guest or an overlay can hide what its disk really does, and a container its quota; the host's own counters cannot.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

DISKS = "/proc/diskstats"
GROUPS = Path("/sys/fs/cgroup")
FILES = {"cpu": ("cpu.stat",), "memory": ("memory.failcnt",), "": ("cpu.stat", "memory.events")}  # "" is version 2
LIMIT = 64 * 1024  # characters kept of a file
DEPTH = 16  # control groups above the target's own
Contents = Mapping[str, str | None]


@dataclass(frozen=True)
class Around:
    """What the host knows of a job: the whole seconds that it was asked to take, and counters by path."""

    seconds: int = 0
    before: Contents = field(default_factory=dict)
    after: Contents = field(default_factory=dict)


def paths_of(pid: int) -> list[str]:
    """Return the host's counters that belong to a target whose first process is `pid`; those of devices always."""
    found = [DISKS]
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            found += map(str, _files(line))
    return found


def _files(line: str) -> Iterator[Path]:
    """Yield the counters of one line of /proc/PID/cgroup, from the process's own group up to the root."""
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    tops = [GROUPS / controllers] if controllers else [GROUPS / "unified", GROUPS]
    top = next((top for top in tops if top.is_dir()), None)
    steps = [step for step in PurePosixPath(path).parts if step not in {"/", ".."}][:DEPTH]
    names = [name for controller in controllers.split(",") for name in FILES.get(controller, ())]
    for depth in range(len(steps), -1, -1) if top and names else ():
        group = top.joinpath(*steps[:depth]) if top else GROUPS
        yield from (group / name for name in names if (group / name).exists())


def read(paths: list[str]) -> dict[str, str | None]:
    """Return the content of each path, None where it cannot be read."""
    contents: dict[str, str | None] = {}
    for path in paths:
        contents[path] = None
        with suppress(OSError), Path(path).open(errors="replace") as file:
            contents[path] = file.read(LIMIT)
    return contents
