"""How near the machine is to slowing itself down for heat."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vbench.probes.question import UNKNOWN
from vbench.probes.snapshot import whole
from vbench.run.quiet.finding import Finding, Severity

ZONES = "sys/class/thermal/thermal_zone*"
ACTING = ("passive", "hot", "critical")  # trip points at which the kernel slows the CPU, or worse
NEAR, CLOSE = 15.0, 5.0  # kelvin below such a point


def heat(root: Path) -> Finding:
    """Return how far the hottest zone is below the first trip point that slows the CPU; unknown without sensors."""
    why = "a hot CPU is slowed by the kernel or by itself"
    rooms = [room for zone in sorted(root.glob(ZONES)) for room in _rooms(zone)]
    if not rooms:
        return Finding("cpu.heat", UNKNOWN, "unknown", why, unit="K", source=f"/{ZONES}")
    room = min(rooms)
    severity: Severity = "severe" if room < CLOSE else "disturbs" if room < NEAR else "fine"
    fix = "cool the machine, or lower its power limit" if severity != "fine" else ""
    said = f"{why}; this is what is left until then"
    return Finding("cpu.heat", room, severity, said, fix, "K", True if fix else None, source=f"/{ZONES}")


def _rooms(zone: Path) -> Iterator[float]:
    """Yield how far a zone is below each of its acting trip points, in kelvin."""
    now = _millis(zone / "temp")
    for kind in sorted(zone.glob("trip_point_*_type")):
        limit = _millis(zone / kind.name.replace("_type", "_temp"))
        if _text(kind) in ACTING and now is not None and limit is not None and limit > 0:
            yield (limit - now) / 1000


def _millis(path: Path) -> int | None:
    return whole(_text(path))


def _text(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return None
