"""The energy that the processor used, from RAPL: the whole package's, since nothing divides it by process.

Source: the kernel's Documentation/power/powercap/powercap.rst: energy_uj counts microjoules and starts again at 0 after
max_energy_range_uj.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
ENERGY, RANGE = "energy_uj", "max_energy_range_uj"
_PACKAGE = re.compile(r"intel-rapl:\d+")  # AMD's too; a third number would be a part of one
Contents = Mapping[str, str | None]


def files(powercap: Path = POWERCAP) -> tuple[list[str], str]:
    """Return the files of every package, else none and why not."""
    domains = sorted(path for path in powercap.glob("intel-rapl:*") if _PACKAGE.fullmatch(path.name))
    packages = [path for path in domains if _name(path).startswith("package")]
    if not packages:
        return [], f"this machine shows no RAPL package in {powercap}"
    if not all(os.access(path / ENERGY, os.R_OK) for path in packages):
        return [], f"{ENERGY} may not be read; run as root"
    return [str(path / name) for path in packages for name in (ENERGY, RANGE)], ""


def joules(before: Contents, after: Contents) -> float | None:
    """Return the energy of all packages between two readings, None where it was not read."""
    found = [_microjoules(path, before, after) for path in after if path.endswith(f"/{ENERGY}")]
    known = [count for count in found if count is not None]
    return sum(known) / 1e6 if known and len(known) == len(found) else None


def _microjoules(path: str, before: Contents, after: Contents) -> int | None:
    first, last, most = before.get(path), after.get(path), after.get(path.removesuffix(ENERGY) + RANGE)
    if first is None or last is None:
        return None
    used = int(last) - int(first)
    if used >= 0:
        return used
    return used + int(most) if most else None


def _name(domain: Path) -> str:
    try:
        return (domain / "name").read_text().strip()
    except OSError:
        return ""
