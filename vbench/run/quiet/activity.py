"""What the machine does while we do nothing: counters of /proc read twice, and the difference.

Every number is None where the kernel does not tell: missing is never zero.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from vbench.run.quiet.processes import Process, processes

IO_TIME = 12  # field of /proc/diskstats, from 0: milliseconds in which the disk was busy
CPU_FIELDS = 8  # user nice system idle iowait irq softirq steal; guest time is in user already (proc(5))
IDLE, WAIT, IRQ, SOFTIRQ, STEAL = 3, 4, 5, 6, 7
BUSIEST = 3  # processes that are named
THROTTLES = "sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count"


@dataclass(frozen=True)
class Moment:
    """Counters since boot: CPU ticks by kind, named counts, milliseconds of I/O by disk, and all processes."""

    at: float
    cpu: tuple[int, ...]
    counts: dict[str, int]
    disks: dict[str, int]
    processes: dict[int, Process]


@dataclass(frozen=True)
class Activity:
    """What others did between two moments. Shares are of all CPUs' time, `disk` of the busiest disk's; rates in 1/s.

    `busiest` lists (name, pid, share of one CPU), the busiest first.
    """

    seconds: float
    busy: float | None
    steal: float | None
    stolen: int | None  # ticks since boot
    interrupting: float | None
    interrupts: float | None
    switches: float | None
    swapped: float | None
    throttled: int | None
    disk: float | None
    busiest: tuple[tuple[str, int, float], ...]


def watch(seconds: float = 1.0, root: Path = Path("/")) -> Activity:
    """Look twice, `seconds` apart."""
    first = moment(root)
    time.sleep(seconds)
    return between(first, moment(root))


def moment(root: Path) -> Moment:
    """Return the counters of the tree at `root` as they are now."""
    cpu: tuple[int, ...] = ()
    counts: dict[str, int] = {}
    for line in [*_lines(root / "proc/stat"), *_lines(root / "proc/vmstat")]:
        name, *numbers = line.split()
        if name == "cpu":
            cpu = tuple(int(number) for number in numbers[:CPU_FIELDS] if number.isdecimal())
        elif numbers and numbers[0].isdecimal():
            counts[name] = int(numbers[0])
    throttles = [int(line) for path in root.glob(THROTTLES) for line in _lines(path) if line.isdecimal()]
    if throttles:
        counts["throttles"] = sum(throttles)
    rows = [line.split() for line in _lines(root / "proc/diskstats")]
    disks = {row[2]: int(row[IO_TIME]) for row in rows if len(row) > IO_TIME and row[IO_TIME].isdecimal()}
    return Moment(time.monotonic(), cpu, counts, disks, processes(root))


def between(first: Moment, last: Moment) -> Activity:
    """Return what happened between two moments, the work of this process left out where it shows."""
    seconds = max(last.at - first.at, 1e-9)
    ticks = [b - a for a, b in zip(first.cpu, last.cpu, strict=False)]
    whole = sum(ticks) if len(ticks) == CPU_FIELDS and sum(ticks) > 0 else None

    def share(*kinds: int) -> float | None:
        return None if whole is None else sum(ticks[kind] for kind in kinds) / whole

    def grown(*names: str) -> int | None:
        if not all(name in first.counts and name in last.counts for name in names):
            return None
        return sum(last.counts[name] - first.counts[name] for name in names)

    def rate(*names: str) -> float | None:
        count = grown(*names)
        return None if count is None else count / seconds

    free = share(IDLE, WAIT, STEAL)
    disks = [last.disks[name] - was for name, was in first.disks.items() if name in last.disks]
    return Activity(
        seconds=seconds,
        busy=None if free is None else 1 - free,
        steal=share(STEAL),
        stolen=last.cpu[STEAL] if len(last.cpu) == CPU_FIELDS else None,
        interrupting=share(IRQ, SOFTIRQ),
        interrupts=rate("intr"),
        switches=rate("ctxt"),
        swapped=rate("pswpin", "pswpout"),
        throttled=grown("throttles"),
        disk=min(1.0, max(disks) / 1000 / seconds) if disks else None,
        busiest=_busiest(first, last, seconds),
    )


def _busiest(first: Moment, last: Moment, seconds: float) -> tuple[tuple[str, int, float], ...]:
    used = [
        (now.name, now.pid, (now.seconds - _before(first, now)) / seconds)
        for now in last.processes.values()
        if not now.ours
    ]
    found = sorted((row for row in used if row[2] > 0), key=lambda row: -row[2])
    return tuple(found[:BUSIEST])


def _before(first: Moment, now: Process) -> float:
    """Return the CPU seconds that a process had at first: none if it has started since, whatever had its number."""
    was = first.processes.get(now.pid)
    return was.seconds if was and was.started == now.started else 0.0


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
