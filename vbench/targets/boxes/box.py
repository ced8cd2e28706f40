"""What the light containers share: what they need, where they are started, and what is inside."""

import os
import posixpath
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from vbench.errors import HostError
from vbench.image import find, recipe
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.accelerator import GUESTS
from vbench.targets.confine import memory_limit
from vbench.targets.handover import closed
from vbench.targets.hop import Entry
from vbench.targets.network import add_container_namespace
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place

RUN = "/run/vbench"  # an agent's folder for passing files
AGENT = [f"/usr/bin/{PYTHON[0]}", *PYTHON[1:], pyz.AGENT]  # each box gives it RUN and PATH itself: a program takes 1 ms
ANYWHERE = ("bwrap", "unshare")  # these need no control groups and no disk of their own
ROOT = 'mkdir -p "$1"; mount --bind / "$1"'


def lacking(program: str, package: str, outer: tuple[str, ...]) -> list[Missing]:
    """Return what a box made by `program` lacks: it, which `package` brings, and root."""
    if outer:
        return lacking_inside(program, package, outer)
    if shutil.which(program) is None:
        return [Missing(program, f"apt-get install {package}")]
    return [Missing("root", "run vbench as root, or choose podman-rootless")] if os.getuid() else []


def lacking_inside(program: str, package: str, outer: tuple[str, ...]) -> list[Missing]:
    """Return what a container inside others lacks: its program in the image, and a machine of its own around it."""
    if lacking := closed(outer):
        return lacking
    if not in_image(package):
        return [Missing(f"{program} in the workload image", f"add '{package}' to the recipe")]
    if program not in ANYWHERE and outer[-1] not in GUESTS:
        return [Missing(f"control groups for {program} inside '{outer[-1]}'", "put it into a guest, or take it alone")]
    return []


def in_image(package: str) -> bool:
    """Return whether the workload image has a package; where there is no image yet, whether its recipe names it."""
    try:
        return package in find().manifest.packages
    except HostError:
        return package in recipe.load().packages


def own_root(place: Place) -> str:
    """Return the image's root as a folder that is not `/`, which engines do not take; in a guest it is both."""
    if place.rootfs != "/":
        return place.rootfs
    place.shell(ROOT, place.path("root"))
    return place.path("root")


def network(place: Place, stack: ExitStack) -> str | None:
    """Return the path of a box's own network namespace; None without a network, and in a guest, whose it shares."""
    return add_container_namespace(place, stack) if place.address and not place.depth else None


def prefix(place: Place, settings: Settings, stack: ExitStack, namespace: str | None = None) -> list[str]:
    """Return what stands before a box's argv: its network, the targets' CPUs, and the memory limit."""
    return [*memory_limit(place, settings, stack), *tools(place, namespace)]  # in this order: Place.pins says why


def tools(place: Place, namespace: str | None) -> list[str]:
    """Return the argv prefix that puts a box onto the targets' CPUs, and into its network or else the place's."""
    return replace(place, netns=posixpath.basename(namespace)).tools() if namespace else place.tools()


def entry(place: Place, argv: Sequence[str], disk_path: str = "") -> Entry:
    """Return the entry of a box whose jobs find their data in /data."""

    def inside(pipe: Pipe) -> Place:
        path = disk_path or f"bind mount on {place.disk_path}"
        wire = place.network_path if place.depth else f"veth on {place.network_path}"
        return inner_place(place, pipe, data="/data", disk_path=path, network_path=wire, warnings=place.warnings)

    return Entry([*argv], inside, image=lambda: (place.rootfs,))
