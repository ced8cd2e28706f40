"""Memory limits by cgroup, version 1 or 2, for targets that have no engine to set them."""

import os
from contextlib import ExitStack
from pathlib import Path

from vbench.errors import JobError
from vbench.ledger import new_name
from vbench.targets.place import Place, Settings

ROOT = Path("/sys/fs/cgroup")
NO_LIMIT = "the memory limit is not applied: no memory cgroup may be made here"
JOIN = 'echo 0 > "$1"; shift; exec "$@"'


def memory_folder() -> tuple[Path, str] | None:
    """Return where memory cgroups can be made and the name of the limit's file, None where we may not."""
    if (ROOT / "memory" / "memory.limit_in_bytes").exists():
        return _writable(ROOT / "memory", "memory.limit_in_bytes")
    controllers = ROOT / "cgroup.subtree_control"
    if controllers.exists() and "memory" in controllers.read_text().split():
        return _writable(ROOT, "memory.max")
    return None


def has_cpusets() -> bool:
    """Return whether new groups have CPUs of their own."""
    listed = ROOT / "cgroup.subtree_control"
    return (ROOT / "cpuset").exists() or (listed.exists() and "cpuset" in listed.read_text().split())


def memory_limit(place: Place, settings: Settings, stack: ExitStack) -> list[str]:
    """Return the argv prefix that joins a cgroup with the memory limit; none and a warning where that cannot be."""
    if place.depth:
        return _inside(place, settings)
    found = memory_folder()
    if found is None:
        place.warnings.append(NO_LIMIT)
        return []
    folder, limit = found
    group = folder / new_name()
    stack.enter_context(place.hold("cgroup", path=str(group)))
    group.mkdir()
    (group / limit).write_text(str(settings.memory))
    return ["sh", "-ec", JOIN, "sh", str(group / "cgroup.procs")]


def _inside(place: Place, settings: Settings) -> list[str]:
    """Return the same in a guest of ours, whose groups end with it; a container in one of the host's has that one's."""
    if not place.accelerators:
        return []
    group = str(ROOT / new_name())
    try:
        place.shell('mkdir "$1"; echo "$2" >"$1/memory.max"', group, str(settings.memory))
    except JobError:
        place.warnings.append(NO_LIMIT)
        return []
    return ["sh", "-ec", JOIN, "sh", f"{group}/cgroup.procs"]


def _writable(folder: Path, limit: str) -> tuple[Path, str] | None:
    return (folder, limit) if os.access(folder, os.W_OK) else None


def controllers_delegated() -> bool:
    """Return whether this user's own cgroup may limit memory: only cgroup v2 delegates."""
    try:
        own = Path("/proc/self/cgroup").read_text().splitlines()[-1].partition("::")[2]
        folder = ROOT / own.lstrip("/")
        return os.access(folder, os.W_OK) and "memory" in (folder / "cgroup.controllers").read_text().split()
    except OSError:
        return False
