"""Sanity before performance: what the counters around a job say of its number, as one table of checks.

Every check is a pure function of the job's raw record, so `vbench verify` finds the same again. What a check says
begins with its name and holds no figures, so that a cell says it once with the number of jobs; the figures are in the
raw record. docs/decisions/sanity-checks.md has the reasons and the limits.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vbench.model import Sample
from vbench.run import lifecycle_remarks as lifecycle
from vbench.run.around import DISKS, Around, Contents
from vbench.targets.pipe import Outcome
from vbench.workloads import Workload
from vbench.workloads.argv import used
from vbench.workloads.outputs import documents

NETWORKS = "/proc/net/dev"
MEMORY = "/proc/vmstat"
INSIDE = (  # of the job's own machine or container
    NETWORKS,
    MEMORY,
    "/sys/fs/cgroup/cpu.stat",
    "/sys/fs/cgroup/cpu/cpu.stat",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.stat",
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.failcnt",
)
SECTOR = 512  # bytes of a sector in /proc/diskstats, whatever the device's are
REACHED = 0.9  # share of the bytes of direct I/O that a device must have moved
EARLY = 0.5  # share of the asked seconds below which a job ended early
PAGED = 1000  # pages that were swapped, or read again for want of memory, in one job
VIRTUAL = re.compile(r"(loop|ram|zram)\d")  # devices whose traffic reaches no disk
_PAIR = re.compile(r"^(\w+) (\d+)$", re.ASCII | re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A finished job with all that is known of it."""

    workload: Workload
    outcome: Outcome
    around: Around


@dataclass(frozen=True)
class Check:
    """A thing that makes a number lie. `voids` says that a ratio from it means nothing, where most jobs show it."""

    name: str
    says: str
    voids: bool
    found: Callable[[Job], bool]


def remarks(job: Job) -> tuple[str, ...]:
    """Return what the checks say of a job, the name of the check first."""
    return tuple(f"{check.name}: {check.says}" for check in CHECKS if check.found(job))


def voided(samples: Iterable[Sample]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return, by workload and target, a remark of each kind that voids a ratio: where most measured jobs have it."""
    totals: Counter[tuple[str, str]] = Counter()  # of samples: every job has as many as its workload has metrics
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    first: dict[tuple[str, str, str], str] = {}
    for sample in samples:
        if sample.value is None or sample.warmup:
            continue
        place = sample.workload, sample.target
        totals[place] += 1
        for remark in sample.warnings:
            name = remark.partition(":")[0]
            counts[place][name] += 1
            first.setdefault((*place, name), remark)
    return {
        place: tuple(first[*place, name] for name in _VOIDING if 2 * found[name] > totals[place])
        for place, found in counts.items()
    }


def ended_early(job: Job) -> bool:
    """Return whether a job that was told its seconds ran for much less."""
    told = "seconds" in used(job.workload.job.argv)
    return told and job.outcome.ok and job.outcome.wall < EARLY * job.around.seconds


def _missed(before: Contents, after: Contents, job: Job) -> bool:
    """Return whether the job says that it moved bytes past the page cache that no device moved."""
    claimed = direct_bytes(job.outcome.stdout) if "disk" in job.workload.needs else 0
    moved = device_bytes(before.get(DISKS), after.get(DISKS))
    return moved is not None and moved < REACHED * claimed


def direct_bytes(stdout: str) -> int:
    """Return the bytes that fio says its O_DIRECT jobs moved; 0 where it says nothing of the kind."""
    document = next(documents(stdout), None)
    jobs = document.get("jobs") if isinstance(document, dict) else None
    shared = document.get("global options") if isinstance(document, dict) else None
    return sum(_job_bytes(job, shared) for job in jobs if isinstance(job, dict)) if isinstance(jobs, list) else 0


def _job_bytes(job: Mapping[str, Any], shared: Any) -> int:
    options = [options for options in (job.get("job options"), shared) if isinstance(options, dict)]
    if next((options["direct"] for options in options if "direct" in options), "0") != "1":
        return 0
    sides = (job.get("read"), job.get("write"))
    counts = [side.get("io_bytes") for side in sides if isinstance(side, dict)]
    return sum(count for count in counts if isinstance(count, int) and count > 0)


def device_bytes(before: str | None, after: str | None) -> int | None:
    """Return the bytes that the busiest block device moved; None where the counters cannot be read.

    Source: the kernel's Documentation/admin-guide/iostats.rst: field 3 is sectors read, field 7 sectors written.
    """
    if before is None or after is None:
        return None
    first, last = dict(_sectors(before)), dict(_sectors(after))
    return max((SECTOR * (count - first.get(name, count)) for name, count in last.items()), default=None)


def _sectors(text: str) -> Iterator[tuple[str, int]]:
    for words in map(str.split, text.splitlines()):
        counts = words[5:6] + words[9:10]
        if all(count.isdecimal() for count in counts) and len(counts) > 1 and not VIRTUAL.match(words[2]):
            yield words[2], sum(map(int, counts))


def over_loopback(job: Job) -> bool:
    """Return whether most bytes of a network job went through the loopback device."""
    if "network" not in job.workload.needs:
        return False
    first, last = (dict(_received(text.get(NETWORKS) or "")) for text in (job.outcome.before, job.outcome.after))
    moved = {name: count - first.get(name, count) for name, count in last.items()}
    return 2 * moved.get("lo", 0) > sum(moved.values())


def _received(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        name, _, counts = line.partition(":")
        words = counts.split()
        if words and words[0].isdecimal():
            yield name.strip(), int(words[0])


def throttled(job: Job) -> bool:
    """Return whether a CPU quota stopped the target, by its own control group or any above."""
    return any(_grown(job, "/cpu.stat", key) for key in ("nr_throttled", "throttled_time", "throttled_usec"))


def memory_short(job: Job) -> bool:
    """Return whether the memory limit was hit."""
    return _grown(job, "/memory.events", "max") > 0 or _grown(job, "/memory.failcnt", "") > 0


def paged(job: Job) -> bool:
    """Return whether the job's working set did not fit: it swapped, or read its own pages from the disk again."""
    swapped = _grown(job, MEMORY, "pswpin") + _grown(job, MEMORY, "pswpout")
    return swapped > PAGED or job.outcome.rusage.get("majflt", 0) > PAGED


def _grown(job: Job, path: str, key: str) -> int:
    """Return by how much a counter grew, summed over every file whose path ends so; `key` "" is for a lone number."""
    sides = ((job.outcome.before, job.outcome.after), (job.around.before, job.around.after))
    return sum(
        max(0, _count(after[name], key) - _count(before.get(name), key))
        for before, after in sides
        for name in after
        if name.endswith(path) and before.get(name) is not None
    )


def _count(text: str | None, key: str) -> int:
    if not key:
        return int(text.strip()) if text and text.strip().isdecimal() else 0
    return next((int(match[2]) for match in _PAIR.finditer(text or "") if match[1] == key), 0)


CHECKS = (
    Check("early", "the job ended long before the seconds that it was told", True, ended_early),
    Check(
        "direct",
        "the job's direct I/O did not reach the target's block device",
        True,
        lambda job: _missed(job.outcome.before, job.outcome.after, job),
    ),
    Check(
        "direct on the host",
        "the job's direct I/O did not reach the host's block device",
        True,
        lambda job: _missed(job.around.before, job.around.after, job),
    ),
    Check("loopback", "the packets took the loopback device and no network", True, over_loopback),
    Check("quota", "a CPU quota throttled the target during the job", False, throttled),
    Check("memory limit", "the target's memory limit was hit during the job", False, memory_short),
    Check("not cold", "a start that was to be cold fetched nothing to speak of from a disk", True, lifecycle.not_cold),
    Check(
        "not cached", "a start that was to be from memory fetched part of it from a disk", False, lifecycle.not_cached
    ),
    Check("not restored", "the target has no memory snapshot, so it started from cache", False, lifecycle.not_restored),
    Check("capped", "no more instances were asked for, so their number is a lower bound", False, lifecycle.capped),
    Check("paging", "the working set did not fit: pages were swapped or read again", True, paged),
)
_VOIDING = ("clock", *(check.name for check in CHECKS if check.voids))  # jobs.clock_warnings gives the first
