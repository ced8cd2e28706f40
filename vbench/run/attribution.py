"""What explains a job's cost: counters inside the target and on the host around it, as growth over the job.

Pure functions of the raw record. What a target says of itself is untrusted: text that is no counter is unknown. A
counter that cannot be had is unknown with its reason, never 0.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from vbench.model import Failure
from vbench.run.around import DISKS, STAT, SWITCHES, Contents
from vbench.run.attribution_kvm import DEBUGFS
from vbench.run.cost import TICKS, Record, cpu_of_job, fields
from vbench.run.sanity import VIRTUAL, device_bytes
from vbench.workloads import Workload

Side = Literal["target", "host"]
UNREAD = "it could not be read"
ON_THE_PEER = "the job runs on the peer, so only the host's counters tell of the target"
_LARGEST = 2**64
_KVM = re.compile(rf"{DEBUGFS}/kvm/\d+-\d+/(\w+)")
_PROCESS_STAT = re.compile(r"/proc/\d+/stat")
_LINE = re.compile(rf"(?:non)?{SWITCHES}:\s+(\d+)")
_STEAL = 8  # word of the cpu line in /proc/stat, after its name (proc(5))
_READS, _WRITES = 3, 7  # words of a line in /proc/diskstats (admin-guide/iostats.rst), from 0
_LEVELS = ("mmu_", "pages_", "max_", "guest_mode", "blocking")  # of KVM's numbers those that tell a state, not events
_DERIVED = ("_hist", "_ns")  # and those that are no number of events


@dataclass(frozen=True)
class Count:
    """By how much one counter grew in a job, in its base unit; None where `unknown` says why."""

    side: Side
    name: str
    unit: str
    value: float | None
    unknown: str = ""


def counts(workload: Workload, record: Record) -> Iterator[Count]:
    """Yield every counter of a job; which of KVM's there are depends on the kernel."""
    inside = "" if workload.job.where == "target" else ON_THE_PEER
    for name, unit, read in _USAGE:
        yield _count("target", name, unit, None if inside else read(record), inside or UNREAD)
    for name, unit, grown in _KERNEL:
        value = None if inside else grown(record.before, record.after)
        yield _count("target", name, unit, value, inside or UNREAD)
    spent = cpu_of_job(workload, record)
    if isinstance(spent, Failure):
        yield Count("host", "CPU time behind the target", "s", None, spent.message)
    else:
        yield Count("host", "CPU time behind the target", "s", spent)
    for name, unit, grown in (*_PROCESSES, *_KERNEL):
        yield _count("host", name, unit, grown(record.around.before, record.around.after), UNREAD)
    yield from _exits(record)


def _count(side: Side, name: str, unit: str, value: float | None, unknown: str) -> Count:
    sound = value is not None and 0 <= value < _LARGEST
    return Count(side, name, unit, value if sound else None, "" if sound else unknown)


def _used(*names: str) -> Callable[[Record], float | None]:
    """Return what adds up fields of the job's getrusage(2)."""

    def read(record: Record) -> float | None:
        found = [record.rusage.get(name) for name in names]
        return None if None in found else sum(value for value in found if value is not None)

    return read


def _growth(read: Callable[[Contents], float | None]) -> Callable[[Contents, Contents], float | None]:
    """Return what takes the difference of a counter between two readings."""

    def grown(before: Contents, after: Contents) -> float | None:
        first, last = read(before), read(after)
        return None if first is None or last is None else last - first

    return grown


def _steal(contents: Contents) -> float | None:
    return _number(_stat_line(contents, "cpu"), _STEAL, TICKS)


def _stat_total(name: str) -> Callable[[Contents], float | None]:
    """Return what reads the first number of a line of /proc/stat: that of `intr` is the total of all interrupts."""
    return lambda contents: _number(_stat_line(contents, name), 1)


def _stat_line(contents: Contents, name: str) -> list[str]:
    lines = (line.split() for line in (contents.get(STAT) or "").splitlines())
    return next((words for words in lines if words[:1] == [name]), [])


def _number(words: list[str], position: int, scale: float = 1.0) -> float | None:
    word = words[position] if position < len(words) else ""
    return int(word) / scale if word.isascii() and word.isdecimal() else None


def _requests(before: Contents, after: Contents) -> float | None:
    """Return the requests that the busiest block device served."""
    first, last = (dict(_served(contents.get(DISKS) or "")) for contents in (before, after))
    return max((count - first.get(name, 0.0) for name, count in last.items()), default=None)


def _served(text: str) -> Iterator[tuple[str, float]]:
    for words in map(str.split, text.splitlines()):
        reads, writes = _number(words, _READS), _number(words, _WRITES)
        if reads is not None and writes is not None and not VIRTUAL.match(words[2]):
            yield words[2], reads + writes


def _bytes(before: Contents, after: Contents) -> float | None:
    return device_bytes(before.get(DISKS), after.get(DISKS))


def _process_sum(first: int, last: int) -> Callable[[Contents], float | None]:
    """Return what adds up fields of /proc/PID/stat, counted from the third on, over the processes behind a target."""

    def read(contents: Contents) -> float | None:
        stats = [fields(text) for path, text in contents.items() if text and _PROCESS_STAT.fullmatch(path)]
        return float(sum(sum(map(int, words[first:last])) for words in stats)) if stats else None

    return read


def _thread_switches(before: Contents, after: Contents) -> float | None:
    """Return the context switches of the threads that lived through the job: a dead one's are gone with it."""
    lived = [path for path in after if path.startswith("/proc/") and path.endswith("/status") and before.get(path)]
    grown = [_switches(after[path]) - _switches(before[path]) for path in lived if after[path]]
    return float(sum(grown)) if grown else None


def _switches(status: str | None) -> int:
    return sum(int(count) for count in _LINE.findall(status or ""))


def _exits(record: Record) -> Iterator[Count]:
    """Yield KVM's counters of the target's guest that count events, else why there are none."""
    host = record.around
    if why := host.unknown.get("exits", "" if any(map(_KVM.fullmatch, host.after)) else UNREAD):
        yield Count("host", "KVM exits", "1", None, why)
        return
    for path, text in sorted(host.after.items()):
        found = _KVM.fullmatch(path)
        name = found[1] if found else ""
        if name and not name.startswith(_LEVELS) and not name.endswith(_DERIVED):
            first, last = (_number([(side or "").strip()], 0) for side in (host.before.get(path), text))
            grown = None if first is None or last is None else last - first
            yield _count("host", "KVM exits" if name == "exits" else f"KVM {name}", "1", grown, UNREAD)


_KERNEL = (
    ("steal of all CPUs", "s", _growth(_steal)),
    ("interrupts of the kernel", "1", _growth(_stat_total("intr"))),
    ("context switches of the kernel", "1", _growth(_stat_total("ctxt"))),
    ("requests to the busiest disk", "1", _requests),
    ("bytes to and from the busiest disk", "B", _bytes),
)
_USAGE = (
    ("CPU time of the job", "s", _used("utime", "stime")),
    ("page faults of the job", "1", _used("minflt", "majflt")),
    ("context switches of the job", "1", _used("nvcsw", "nivcsw")),
)
_PROCESSES = (
    ("page faults behind the target", "1", _growth(_process_sum(7, 11))),
    ("context switches behind the target", "1", _thread_switches),
)
