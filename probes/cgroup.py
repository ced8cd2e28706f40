"""Control groups: which version, which controllers, and the limits that this process runs into."""

from collections.abc import Iterator

from vbench.probes.devices import mounts
from vbench.probes.question import UNKNOWN, Answer, Question
from vbench.probes.snapshot import Snapshot, whole

TOP = "/sys/fs/cgroup"
# The mounts that a controller of v1 may have.
V1 = {"cpu": ("cpu", "cpu,cpuacct"), "memory": ("memory",), "cpuset": ("cpuset",), "blkio": ("blkio",)}
ENDLESS = 2**60  # v1 writes "no limit" as a number near 2^63
LIFT = "lift the CPU quota of this control group"


def folders(snapshot: Snapshot, controller: str) -> Iterator[str]:
    """Yield the folders of this process's own group and of those above it, of v2 and of v1's controller."""
    for line in snapshot.lines("/proc/self/cgroup"):
        names, _, path = line.partition(":")[2].partition(":")
        tops = [f"{TOP}/{name}" for name in V1[controller]] if controller in names.split(",") else [TOP] * (not names)
        steps = [step for step in path.split("/") if step]
        for top in tops:
            yield from ("/".join((top, *steps[:end])) for end in range(len(steps), 0, -1))
    yield from (TOP, *(f"{TOP}/{name}" for name in V1[controller]))


def _root_of_v2(snapshot: Snapshot) -> bool:
    """Return whether only the root group of v2 is above this process: it has no limits and no files for them."""
    return snapshot.exists(f"{TOP}/cgroup.controllers") and "0::/" in snapshot.lines("/proc/self/cgroup")


def _version(snapshot: Snapshot) -> Answer:
    kinds = {mount.kind for mount in mounts(snapshot) if mount.point.startswith(TOP)} & {"cgroup", "cgroup2"}
    named = {frozenset({"cgroup"}): "v1", frozenset({"cgroup2"}): "v2", frozenset({"cgroup", "cgroup2"}): "hybrid"}
    none = "none" if any(True for _ in mounts(snapshot)) else UNKNOWN
    return Answer(named.get(frozenset(kinds), none), "/proc/self/mountinfo")


def _controllers(snapshot: Snapshot) -> Answer:
    for folder in folders(snapshot, "cpu"):
        delegated = snapshot.text(f"{folder}/cgroup.controllers")
        if delegated is not None:
            return Answer(delegated or "none", f"{folder}/cgroup.controllers", "kernel-enabled")
    names: set[str] = set()
    for mount in mounts(snapshot):
        if mount.kind == "cgroup":
            names.update(word for word in mount.extra.split(",") if word not in ("rw", "ro") and "=" not in word)
    return Answer(" ".join(sorted(names)) or UNKNOWN, "/proc/self/mountinfo", "kernel-enabled")


def _quota(snapshot: Snapshot, folder: str) -> tuple[float | None, str] | None:
    """Return (CPUs, source) of a group's quota, (None, source) where it has none, None where nothing is recorded."""
    words = (snapshot.text(f"{folder}/cpu.max") or "").split()
    source = f"{folder}/cpu.max"
    quota, period = (whole(words[0]), whole(words[1])) if len(words) == 2 else (None, None)  # noqa: PLR2004
    if not words:
        source = f"{folder}/cpu.cfs_quota_us"
        quota, period = snapshot.number(source), snapshot.number(f"{folder}/cpu.cfs_period_us")
    if words[:1] == ["max"] or quota == -1:
        return None, source
    return (quota / period, source) if quota and period and 0 < quota < ENDLESS and 0 < period < ENDLESS else None


def _cpu_limit(snapshot: Snapshot) -> Answer:
    found = [one for folder in folders(snapshot, "cpu") if (one := _quota(snapshot, folder))]
    limits = [(limit, source) for limit, source in found if limit is not None]
    if limits:
        limit, source = min(limits)
        return Answer(round(limit, 4), source, fix=LIFT)
    free = bool(found) or _root_of_v2(snapshot)
    return Answer("none" if free else UNKNOWN, found[0][1] if found else f"{TOP}/cpu.max")


def _throttled(snapshot: Snapshot) -> Answer:
    for folder in folders(snapshot, "cpu"):
        for line in snapshot.lines(f"{folder}/cpu.stat"):
            name, _, value = line.partition(" ")
            count = whole(value) if name == "nr_throttled" else None
            if count is not None:
                return Answer(count, f"{folder}/cpu.stat nr_throttled", fix=LIFT if count else None)
    return Answer(UNKNOWN, f"{TOP}/cpu.stat nr_throttled")


def _memory_limit(snapshot: Snapshot) -> Answer:
    limits, free = [], [f"{TOP}/cgroup.controllers: the root group"] if _root_of_v2(snapshot) else []
    for folder in folders(snapshot, "memory"):
        for path in (f"{folder}/memory.max", f"{folder}/memory.limit_in_bytes"):
            number = snapshot.number(path)
            if number is not None and 0 <= number < ENDLESS:
                limits.append((number, path))
            elif number is not None or snapshot.text(path) == "max":
                free.append(path)
    if limits:
        return Answer(*min(limits))
    return Answer("none", free[0]) if free else Answer(UNKNOWN, f"{TOP}/memory.max")


def _cpus(snapshot: Snapshot) -> Answer:
    for folder in (*folders(snapshot, "cpu"), *folders(snapshot, "cpuset")):
        for name in ("cpuset.cpus.effective", "cpuset.cpus"):
            text = snapshot.text(f"{folder}/{name}")
            if text:
                return Answer(text, f"{folder}/{name}")
    return Answer(UNKNOWN, f"{TOP}/cpuset.cpus.effective")


def _io_limit(snapshot: Snapshot) -> Answer:
    found = []
    for folder in folders(snapshot, "blkio"):
        paths = [f"{folder}/io.max", *snapshot.glob(f"{folder}/blkio.throttle.*_device")]
        found += [(path, text) for path in paths if (text := snapshot.text(path)) is not None]
    for path, text in found:
        if text:
            return Answer(" ".join(text.split()), path, fix="lift the I/O limit of this control group")
    if found or _root_of_v2(snapshot):
        return Answer("none", found[0][0] if found else f"{TOP}/cgroup.controllers: the root group")
    return Answer(UNKNOWN, f"{TOP}/io.max")


QUESTIONS = (
    Question(
        "cgroup.cpus",
        "CPUs that the groups allow",
        (f"{TOP}/**/cpuset.cpus.effective", f"{TOP}/cpuset/**/cpuset.cpus"),
        _cpus,
    ),
    Question(
        "cgroup.io_limit",
        "what holds back this group's input and output",
        (f"{TOP}/**/io.max", f"{TOP}/blkio/**/blkio.throttle.*_device"),
        _io_limit,
    ),
    Question("cgroup.version", "v1, v2 or hybrid", ("/proc/self/mountinfo",), _version),
    Question(
        "cgroup.controllers",
        "the controllers at hand",
        (f"{TOP}/cgroup.controllers", "/proc/self/mountinfo"),
        _controllers,
    ),
    Question(
        "cgroup.cpu_limit",
        "CPUs that the quotas allow",
        (f"{TOP}/**/cpu.max", f"{TOP}/cpu/**/cpu.cfs_quota_us"),
        _cpu_limit,
        "1",
    ),
    Question("cgroup.throttled", "times that the quota stopped this group", (f"{TOP}/**/cpu.stat",), _throttled, "1"),
    Question(
        "cgroup.memory_limit",
        "memory that the groups allow",
        (f"{TOP}/**/memory.max", f"{TOP}/memory/**/memory.limit_in_bytes"),
        _memory_limit,
        "B",
    ),
)
