"""What the host sees around a job: its devices, the control groups of the target, and the processes behind it.

A guest or an overlay can hide what its disk really does, and a container its quota; the host's own counters cannot.
All of it is kept as text by path, as it was read; `vbench.run.cost`, `attribution` and `sanity` read it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vbench.run import attribution_kvm, cost_behind, cost_energy
from vbench.targets.chain import Instance

DISKS = "/proc/diskstats"
STAT = "/proc/stat"
GROUPS = Path("/sys/fs/cgroup")
FILES = {"cpu": ("cpu.stat",), "memory": ("memory.failcnt",), "": ("cpu.stat", "memory.events")}  # "" is version 2
LIMIT = 64 * 1024  # characters kept of a file
DEPTH = 16  # control groups above the target's own
SWITCHES = "voluntary_ctxt_switches"  # and nonvoluntary_...: all that is kept of a thread's status
Contents = Mapping[str, str | None]


@dataclass(frozen=True)
class Around:
    """What the host knows of a job: the whole seconds that it was asked to take, and counters by path.

    `counted` names those of `before` and `after` that together count the CPU time of everything behind the target;
    without them its processes are added up. `unknown` says why something is not there, by what it is.
    """

    seconds: int = 0
    before: Contents = field(default_factory=dict)
    after: Contents = field(default_factory=dict)
    counted: tuple[str, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """What is read around the jobs of one instance."""

    instance: Instance
    paths: tuple[str, ...]
    counted: tuple[str, ...]
    unknown: Mapping[str, str]

    def read(self) -> dict[str, str | None]:
        """Return the content of everything; what counts the CPU time is read last, nearest to the job's start."""
        if not self.instance.place.seen:
            return {}
        return {**read(self.paths), **self._processes(), **read(self.counted)}

    def read_back(self) -> dict[str, str | None]:
        """Return the same after the job: what counts the CPU time is read first."""
        if not self.instance.place.seen:
            return {}
        return {**read(self.counted), **self._processes(), **read(self.paths)}

    def _processes(self) -> dict[str, str | None]:
        pids = cost_behind.processes_of(self.instance.pipe)
        threads = (str(thread / "status") for thread in cost_behind.threads_of(pids))
        return read(f"/proc/{pid}/stat" for pid in pids) | {path: _switches(text) for path, text in _texts(threads)}


def sources_of(instance: Instance) -> Sources:
    """Return what is to be read around a job in an instance."""
    accelerator = instance.place.accelerators[0] if instance.place.accelerators else None
    exits, no_exits = attribution_kvm.files_of(cost_behind.processes_of(instance.pipe), accelerator)
    energy, no_energy = cost_energy.files()
    paths = (*paths_of(instance.pipe.process.pid), STAT, *exits, *energy)
    unknown = {what: why for what, why in (("exits", no_exits), ("energy", no_energy)) if why}
    return Sources(instance, paths, cost_behind.counters_of(instance.pipe), unknown)


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


def read(paths: Iterable[str]) -> dict[str, str | None]:
    """Return the content of each path, None where it cannot be read."""
    return dict(_texts(paths))


def _texts(paths: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    for path in paths:
        text = None
        with suppress(OSError), Path(path).open(errors="replace") as file:
            text = file.read(LIMIT)
        yield path, text


def _switches(status: str | None) -> str | None:
    """Return the lines of a thread's status that count its context switches."""
    return status and "".join(line for line in status.splitlines(keepends=True) if SWITCHES in line)
