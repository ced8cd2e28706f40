"""What the ways to other machines share: they look around there, bring the image, and start the agent.

One connection asks what is there, one for each part of the image brings what lacks, and the last one is the target's
pipe: at its far end a parent of the agent keeps a folder and a memory group, and removes both when the pipe closes.
"""

import json
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, ClassVar

import msgspec

from vbench.errors import TargetError
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import command, rooted
from vbench.targets.confine import NO_LIMIT
from vbench.targets.hop import Entry
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, behind
from vbench.targets.remote.carry import carry, give, image_of
from vbench.targets.remote.engine import ENGINES
from vbench.targets.remote.reach import PATIENCE, SECONDS, Reach, new_folder, program

GUEST = "qemu"
NEEDS = {
    GUEST: "root.ext4",
    "podman": "rootfs.tar",
    "docker": "rootfs.tar",
}  # a hop's form of the image beside the root
# Hops that look at this host, or start something on it, while they are entered.
AT_HOME = frozenset({"podman-rootless", "firecracker", "cloud-hypervisor", "arm64", "arm64-user"})
AT_HOME |= {"tcg-xen", "xen-pv", "xen-pvh"}
LABEL = "elsewhere"
_PATH = re.compile(r"(/[^/\x00-\x1f\x7f:,]+)+")  # no separator of any engine's options
HELD = 'printf "%s\\n" "$2" >>"$1/held"'


@dataclass(frozen=True)
class About:
    """What another machine says of itself; `mounts` is root, user or empty, `has` names the parts of the image.

    `home` is the image's folder over there, and goes nowhere but back to that machine.
    """

    cpus: tuple[int, ...]
    home: str
    mounts: str
    limits: bool
    has: tuple[str, ...]


@dataclass(frozen=True)
class Elsewhere(ABC):
    """A hop to another machine; `where` is what the user wrote behind its name, `inner` what follows in the path."""

    name: ClassVar[str]
    example: ClassVar[str]
    tool: ClassVar[tuple[str, str]]  # the program and the package that brings it
    takes_devices: ClassVar[bool] = False
    labels: ClassVar[tuple[str, ...]] = (LABEL,)
    where: str
    inner: tuple[str, ...] = ()

    @abstractmethod
    def reach(self) -> Reach:
        """Return the way there; it may ask where the machine is."""

    @property
    def machine(self) -> str:
        """The other machine's name, "" where what is reached is on this one."""
        return self.where

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Nothing but its client; what the other machine lacks is known once it has been entered."""
        if outer:
            return [Missing("a way from this host", f"write {self.name}:{self.where} first in the path")]
        if unfit := AT_HOME.intersection(self.inner[:1]):
            return [Missing(f"a way to start {min(unfit)} on another machine", "run vbench over there")]
        program, package = self.tool
        return [] if shutil.which(program) else [Missing(program, f"apt-get install {package}")]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Ask what is there, bring what it lacks, and return the entry of its own bare metal, or of what leads on."""
        reach, image, folder = self.reach(), image_of(place), new_folder()
        about = _ask(reach, image.digest, place)
        _check(reach, about, settings)
        for part in ("rootfs", *(part for name, part in NEEDS.items() if name in self.inner)):
            if part not in about.has:
                carry(reach, image, part, place.hold)
        for engine in ENGINES.keys() & set(self.inner[:1]):
            give(reach, image, engine, place.hold)
        there = self._host(place, folder, about, settings)
        limit = 0 if GUEST in self.inner else settings.memory  # as at home, where QEMU's own limit is the guest's
        agent = pyz.pack()
        given = {"size": len(agent), "digest": sha256(agent).hexdigest(), "memory": limit}

        def inside(pipe: Pipe) -> Place:
            place = behind(replace(there, hold=_holding(pipe, folder)), pipe)
            if self.inner:
                return place
            bare = rooted(place, settings, stack, command(place))
            pipe.chain(bare.argv, SECONDS)
            return bare.inside(pipe)

        return Entry(
            reach.argv(),
            inside,
            first=program("serve", folder=folder, **given, argv=[*PYTHON, there.agent]) + agent,
            explain=reach.explained,
            hello_seconds=SECONDS,
            patience=PATIENCE,
        )

    def _host(self, place: Place, folder: str, about: About, settings: Settings) -> Place:
        """Return the other machine as a place; its commands can be run once the pipe is there."""
        return replace(
            place,
            rootfs=f"{about.home}/rootfs",
            disk=f"{about.home}/root.ext4",
            agent=f"{folder}/agent.pyz",
            scratch=folder,
            data=f"{folder}/data",
            cpus=about.cpus[-settings.cpus :],
            address="",
            netns="",
            ram=None,
            depth=place.depth + 1,
            plain=about.mounts == "user",
            machine=self.machine,
            seen=False,
            disk_path="the other machine's file system",
            network_path="none",
            labels=(*place.labels, *self.labels),
            warnings=[] if about.limits else [NO_LIMIT],
        )


def _ask(reach: Reach, digest: str, place: Place) -> About:
    with reach.opened(place.hold, "ask", image=digest) as pipe:
        try:
            about = msgspec.convert(pipe.heard(SECONDS), About)
        except msgspec.ValidationError:
            about = None
    if about is None or not _PATH.fullmatch(about.home) or not about.home.endswith(f"/{digest}"):
        raise TargetError(f"'{reach.machine}' gave an answer of the wrong form.")
    return about


def _check(reach: Reach, about: About, settings: Settings) -> None:
    """Raise TargetError where the jobs cannot run there as they do here."""
    if settings.cpus > len(about.cpus):
        had = f"has {len(about.cpus)} CPUs for us, and {settings.cpus} are asked for"
        raise TargetError(f"'{reach.machine}' {had}.", f"Use --cpus {len(about.cpus)}.")
    if not about.mounts:
        raise TargetError(
            f"'{reach.machine}' lets us mount nothing, so that the workload image's root cannot be entered.",
            "Log in there as root, or run `sysctl -w kernel.unprivileged_userns_clone=1` there.",
        )


def _holding(pipe: Pipe, folder: str) -> Any:
    """Return what records a thing over there, for the agent's parent to remove."""

    @contextmanager
    def hold(kind: str, **what: Any) -> Iterator[None]:
        pipe.exec(["sh", "-ec", HELD, "sh", folder, json.dumps({"kind": kind, **what})])
        yield

    return hold
