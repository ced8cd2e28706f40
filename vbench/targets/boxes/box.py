"""What the light containers share: what they need, where they are started, and what is inside."""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack

from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import PATH
from vbench.targets.confine import memory_limit
from vbench.targets.hop import Entry
from vbench.targets.network import add_container_namespace
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place

RUN = "/run/vbench"  # an agent's folder for passing files
AGENT = ["/usr/bin/env", f"PATH={PATH}", *PYTHON, pyz.AGENT]
MAKE_RUN = ["/bin/sh", "-c", f'mkdir -p {RUN} && exec "$@"', "sh"]  # where /run comes empty and nobody fills it
IN_IMAGE = ("bwrap", "unshare")


def lacking(program: str, package: str, outer: tuple[str, ...]) -> list[Missing]:
    """Return what a box made by `program` lacks: it, which `package` brings, and root."""
    if outer:
        there = program in IN_IMAGE
        return [] if there else [Missing(f"{program} in the workload image", f"add '{package}' to the recipe")]
    if shutil.which(program) is None:
        return [Missing(program, f"apt-get install {package}")]
    return [Missing("root", "run vbench as root, or choose podman-rootless")] if os.getuid() else []


def network(place: Place, stack: ExitStack) -> str | None:
    """Return the path of a box's own network namespace; None without a network, and in a guest, whose it shares."""
    return add_container_namespace(place, stack) if place.address and not place.depth else None


def prefix(place: Place, settings: Settings, stack: ExitStack, namespace: str | None = None) -> list[str]:
    """Return what stands before a box's argv: its network, the targets' CPUs, and the memory limit."""
    inside = ["nsenter", f"--net={namespace}", "--"] if namespace else []
    return [*place.tools(), *inside, *memory_limit(place, settings, stack)]


def entry(place: Place, argv: Sequence[str], disk_path: str = "") -> Entry:
    """Return the entry of a box whose jobs find their data in /data."""

    def inside(pipe: Pipe) -> Place:
        path = disk_path or f"bind mount on {place.disk_path}"
        wire = place.network_path if place.depth else f"veth on {place.network_path}"
        return inner_place(place, pipe, data="/data", disk_path=path, network_path=wire, warnings=place.warnings)

    return Entry([*argv], inside, image=lambda: (place.rootfs,))
