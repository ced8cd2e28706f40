"""Bare metal: the agent in the workload image's root, by a private mount namespace and chroot, and nothing else.

The mount namespace costs nothing at run time and leaves nothing behind: its mounts are gone with the last process. The
root is read-only, so that no job can change the image; /data, /tmp and /run are writable.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.confine import memory_limit
from vbench.targets.handover import closed, shown
from vbench.targets.hop import Entry
from vbench.targets.network import lend_address
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # in the image; the host's may be any

# $1 root, $2 file of the mounts; the rest is the command that enters the root. One mount for all: each takes 1 ms.
SCRIPT = """
root=$1 mounts=$2; shift 2
mount -o bind,ro "$root" "$root"
mount --all --fstab "$mounts"
exec "$@"
"""
MOUNTS = """\
{agent} {root}{inside} none bind
{proc}
/sys {root}/sys none rbind
/dev {root}/dev none rbind
tmp {root}/tmp tmpfs mode=1777
run {root}/run tmpfs mode=755
vbench {root}/run/vbench tmpfs mode=755,X-mount.mkdir
{data} {root}/data none bind
"""
HOSTS_PROC, OWN_PROC = "/proc {root}/proc none rbind", "proc {root}/proc proc"  # of a box with PIDs of its own


class Bare:
    """The hop `bare`."""

    name = "bare"
    takes_devices = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Nothing but util-linux and, without root, user namespaces; inside of something else, the right to mount."""
        if lacking := closed(outer):
            return lacking
        if shutil.which("unshare") is None:
            return [Missing("unshare", "apt-get install util-linux")]
        if os.getuid() and not outer and not _user_namespaces():
            return [Missing("root or user namespaces", "run as root, or sysctl -w kernel.unprivileged_userns_clone=1")]
        return []

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Confine to the targets' CPUs and the memory limit, then chroot."""
        return rooted(place, settings, stack, command(place))


def command(place: Place) -> list[str]:
    """Return the agent's argv from outside the prepared root."""
    return ["chroot", place.rootfs, "/usr/bin/env", f"PATH={PATH}", *PYTHON, pyz.AGENT]


def rooted(
    place: Place, settings: Settings, stack: ExitStack, argv: Sequence[str], within: Sequence[str] = ()
) -> Entry:
    """Return the entry that runs `argv` where the image's root is prepared, on the targets' CPUs and memory.

    `within` is the argv prefix of a namespace to prepare it in.
    """
    if not place.handed:  # else it is the guest's
        lend_address(place, stack)
    prefix = [*memory_limit(place, settings, stack), *place.tools()]  # in this order: Place.pins says why
    user = ["--user", "--map-root-user"] if place.plain else []

    def inside(pipe: Pipe) -> Place:
        return inner_place(place, pipe, data="/data", warnings=place.warnings)

    words = [*prefix, *within, "unshare", *user, "--mount", "--propagation", "private"]
    words += [*prepared(place), *shown(place), *argv]
    return Entry(words, inside, image=lambda: (place.rootfs,))


def prepared(place: Place, proc: str = HOSTS_PROC) -> list[str]:
    """Return the argv prefix that prepares the image's root in a mount namespace of its own, with a /proc as told."""
    root = field(place.rootfs).rstrip("/")
    told = {"agent": field(place.agent), "inside": pyz.AGENT, "data": field(place.data_folder)}
    place.put(place.path("mounts"), MOUNTS.format(root=root, proc=proc.format(root=root), **told).encode())
    return ["sh", "-ec", SCRIPT, "sh", place.rootfs, place.path("mounts")]


def field(path: str) -> str:
    """Return a path as a field of fstab(5), which ends at a blank."""
    return path.replace(" ", "\\040")


def _user_namespaces() -> bool:
    switch = Path("/proc/sys/kernel/unprivileged_userns_clone")
    return not switch.exists() or switch.read_text().strip() == "1"
