"""A control group for the CPU time of one instance.

A group counts exactly: in nanoseconds, the dead too, and the vhost threads that the kernel runs for a guest, which
belong to their owner's groups. It limits nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from vbench.ledger import Ledger, new_name

ROOT = Path("/sys/fs/cgroup")
JOIN = '{ echo 0 > "$1"; } 2>/dev/null || :; shift; exec "$@"'  # where the kernel refuses, the target starts uncounted
USAGE, STAT = "cpuacct.usage", "cpu.stat"  # of version 1 in nanoseconds, of version 2 as usage_usec


@contextmanager
def accounted(ledger: Ledger) -> Iterator[list[str]]:
    """Give the argv prefix by which a process joins a new group below our own; empty where we may make none."""
    own = group_of(os.getpid())
    if own is None or not os.access(own / "cgroup.procs", os.W_OK):
        yield []
        return
    group = own / new_name()
    with ledger.hold("cgroup", path=str(group)):
        try:
            group.mkdir()
        except OSError:  # a limit on groups, or a hierarchy that is read-only here
            yield []
        else:
            yield ["sh", "-c", JOIN, "sh", str(group / "cgroup.procs")]


def group_of(pid: int) -> Path | None:
    """Return the folder of the group that counts the CPU time of a process; None where there is none to be seen."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            version1 = "cpuacct" in controllers.split(",")
            if version1 or not controllers:
                group = (ROOT / controllers).joinpath(*_inner(path))
                if (group / (USAGE if version1 else STAT)).exists():
                    return group
    return None


def _inner(path: str) -> list[str]:
    return [part for part in PurePosixPath(path).parts if part not in {"/", ".."}]
