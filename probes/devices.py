"""Disks, networks and the PCI bus: what a job's input and output goes through."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from vbench.probes.memory import selected
from vbench.probes.question import UNKNOWN, Answer, Question
from vbench.probes.snapshot import Snapshot

SECTOR = 512  # the unit of /sys/block/*/size, whatever the disk's own is
MEGABIT = 10**6 // 8  # bytes a second; the kernel states link speeds in Mb/s
PASSING = ("loop", "ram", "zram", "sr", "fd")  # block devices that are no disks


class Pci(NamedTuple):
    """One function on the PCI bus: where it sits, and the 16-bit numbers of its maker, its kind, its board's maker."""

    slot: str
    vendor: int
    device: int
    board: int | None = None


@lru_cache(maxsize=2)  # a server has a thousand
def pci(snapshot: Snapshot) -> tuple[Pci, ...]:
    """Return the PCI functions of sysfs, or of /proc/bus/pci/devices where sysfs was not recorded."""
    return tuple(_pci(snapshot))


def _pci(snapshot: Snapshot) -> Iterator[Pci]:
    folder = "/sys/bus/pci/devices"
    for slot in snapshot.names(folder):
        names = ("vendor", "device", "subsystem_vendor")
        vendor, device, board = (snapshot.number(f"{folder}/{slot}/{name}") for name in names)
        if vendor is not None and device is not None:
            yield Pci(slot, vendor, device, board)
    if snapshot.names(folder):
        return
    for line in snapshot.lines("/proc/bus/pci/devices"):
        words = line.split()
        try:
            yield Pci(words[0], int(words[1][:4], 16), int(words[1][4:8], 16))
        except (IndexError, ValueError):
            continue


def _driver(snapshot: Snapshot, path: str) -> str | None:
    target = snapshot.links.get(f"{path}/device/driver")
    return target.rpartition("/")[2] if target else None


def _disks(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for path in snapshot.glob("/sys/block/*"):
        name, size = path.rpartition("/")[2], snapshot.number(f"{path}/size")
        if name.startswith(PASSING) or not size:
            continue
        found[f"{name}.size"] = Answer(size * SECTOR, f"{path}/size")
        scheduler = selected(snapshot.text(f"{path}/queue/scheduler"))
        found[f"{name}.scheduler"] = Answer(scheduler or UNKNOWN, f"{path}/queue/scheduler")
        found[f"{name}.driver"] = Answer(_driver(snapshot, path) or UNKNOWN, f"{path}/device/driver")
        spins = snapshot.number(f"{path}/queue/rotational")
        kind = UNKNOWN if spins is None else "rotational" if spins else "solid"
        found[f"{name}.kind"] = Answer(kind, f"{path}/queue/rotational")
        for key, unit, scale in (("nr_requests", "1", 1), ("read_ahead_kb", "B", 1024)):
            number = snapshot.number(f"{path}/queue/{key}")
            if number is not None:
                short = key.removesuffix("_kb")
                found[f"{name}.{short}"] = Answer(number * scale, f"{path}/queue/{key}", unit=unit)
        found[f"{name}.write_cache"] = Answer(
            snapshot.text(f"{path}/queue/write_cache") or UNKNOWN, f"{path}/queue/write_cache"
        )
    return found


def root_disk(snapshot: Snapshot) -> str | None:
    """Return the name of the disk that holds /, as /proc/self/mountinfo and /sys/block name it."""
    for mount in mounts(snapshot):
        if mount.point == "/" and mount.source.startswith("/dev/"):
            name = mount.source.removeprefix("/dev/")
            return next((disk for disk in snapshot.names("/sys/block") if name.startswith(disk)), None)
    return None


class Mount(NamedTuple):
    """One line of /proc/self/mountinfo."""

    root: str
    point: str
    options: str
    kind: str
    source: str
    extra: str


def mounts(snapshot: Snapshot) -> Iterator[Mount]:
    """Yield the mounts that this process sees; of the older /proc/mounts where mountinfo was not recorded."""
    lines = snapshot.lines("/proc/self/mountinfo")
    for line in lines:
        before, _, after = line.partition(" - ")
        head, tail = before.split(" "), after.split(" ")
        if len(head) > 5 and len(tail) > 1:  # noqa: PLR2004 - proc(5)
            yield Mount(head[3], head[4], head[5], tail[0], tail[1], tail[2] if len(tail) > 2 else "")  # noqa: PLR2004
    for line in () if lines else snapshot.lines("/proc/mounts"):
        words = line.split(" ")
        if len(words) > 3:  # noqa: PLR2004
            yield Mount("/", words[1], words[3], words[2], words[0], words[3])


def _io_scheduler(snapshot: Snapshot) -> Answer:
    disk = root_disk(snapshot)
    value = selected(snapshot.text(f"/sys/block/{disk}/queue/scheduler")) if disk else None
    if value:
        return Answer(value, f"/sys/block/{disk}/queue/scheduler")
    paths = [
        path for path in snapshot.glob("/sys/block/*/queue/scheduler") if not path.split("/")[3].startswith(PASSING)
    ]
    values = {selected(snapshot.text(path)) or UNKNOWN for path in paths}
    return Answer(" ".join(sorted(values)) or UNKNOWN, "/sys/block/*/queue/scheduler")


def _root_filesystem(snapshot: Snapshot) -> Answer:
    kinds = [mount.kind for mount in mounts(snapshot) if mount.point == "/"]
    return Answer(kinds[-1] if kinds else UNKNOWN, "/proc/self/mountinfo")


def _networks(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for path in snapshot.glob("/sys/class/net/*"):
        name = path.rpartition("/")[2]
        if name == "lo":
            continue
        found[f"{name}.driver"] = Answer(_driver(snapshot, path) or "virtual", f"{path}/device/driver")
        found[f"{name}.state"] = Answer(snapshot.text(f"{path}/operstate") or UNKNOWN, f"{path}/operstate")
        mtu = snapshot.number(f"{path}/mtu")
        if mtu is not None and mtu > 0:
            found[f"{name}.mtu"] = Answer(mtu, f"{path}/mtu")
        speed = snapshot.number(f"{path}/speed")
        if speed is not None and speed > 0:
            found[f"{name}.speed"] = Answer(speed * MEGABIT, f"{path}/speed", unit="B/s")
    return found


QUESTIONS = (
    Question(
        "disk.scheduler",
        "the I/O scheduler of the disk under /",
        ("/sys/block/*/queue/scheduler", "/proc/self/mountinfo"),
        _io_scheduler,
    ),
    Question("disk.filesystem", "the file system of /", ("/proc/self/mountinfo",), _root_filesystem),
    Question(
        "disk.device.*",
        "each disk: size in bytes, scheduler, driver, kind, write cache",
        ("/sys/block/*",),
        _disks,
        "B",
    ),
    Question(
        "network.device.*",
        "each network device: driver, mtu in bytes, speed in bytes a second",
        ("/sys/class/net/*",),
        _networks,
        "B",
    ),
)
