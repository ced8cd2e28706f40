"""A place is where a hop's command will run: this host, or the inside of a target that is already open.

Hops see only a place, so the same hop works at every depth: `kvm` on the host and `kvm` in a guest are one file.
"""

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vbench.errors import JobError
from vbench.image import Image, check, find
from vbench.ledger import Ledger, made
from vbench.targets import pyz
from vbench.targets.pipe import Pipe
from vbench.targets.spawn import run as run_on_host

PYTHON = ("python3", "-I", "-S")
HANDED_DISK = "/run/vbench/root.ext4"  # where a container shows the image's disk to a guest in it
LIB = "usr/lib/vbench"  # where the image keeps its kernel and its initramfs


@dataclass(frozen=True)
class Settings:
    """What every target of a run gets alike. `memory` in bytes; `accelerator` is auto, kvm or tcg."""

    cpus: int = 1
    memory: int = 512 * 2**20
    accelerator: str = "auto"
    restored: bool = False  # guests come from a memory snapshot instead of a cold boot


@dataclass(frozen=True)
class Ram:
    """A guest's memory as a file and its devices' state as another; `restore` says which way they go."""

    memory: str
    state: str
    restore: bool = False


@dataclass(frozen=True)
class Binding:
    """A file or a device of a place that a container shows inside."""

    source: str
    where: str
    device: bool = False


@dataclass(frozen=True)
class Place:
    """Where commands run and what they find there. `tools` prefixes every command that starts a target."""

    run: Callable[[Sequence[str]], bytes]
    put: Callable[[str, bytes], None]
    hold: Callable[..., AbstractContextManager[object]]
    rootfs: str  # the workload image's root as a folder
    disk: str  # the workload image's root as a disk: a file or a block device
    agent: str
    scratch: str  # a folder for sockets and disks
    data: str  # a folder on the disk that jobs may use, or the block device that holds it
    cpus: tuple[int, ...]  # the CPUs that targets may use
    address: str  # of the target, with its prefix length; "" where there is no network
    netns: str = ""  # the namespace whose bridge targets join; "" is the place's own
    ram: Ram | None = None  # where the first guest keeps its memory, if in a file
    handed: tuple[Binding, ...] = ()  # what the container that is entered next hands on to a guest in it
    depth: int = 0
    plain: bool = False  # whether commands run as a user who is not root and has no namespace of its own
    machine: str = ""  # whose it is; "" is this one
    seen: bool = True  # whether this host's counters see what runs there
    disk_path: str = "the host's file system"  # how a job's data and packets travel, outermost first
    network_path: str = "bridge"
    gateway: str = ""  # to the peer, where that is not on the same segment
    card: str = "virtio_net"  # the module of a guest's own network card
    image: str = ""  # the workload image's digest
    facts: Mapping[str, str] = field(default_factory=dict)  # what its hops know of it, by the keys of probes.matters
    labels: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)

    @property
    def kernel(self) -> str:
        """The image's kernel."""
        return posixpath.join(self.rootfs, LIB, "vmlinux")

    @property
    def initramfs(self) -> str:
        """The image's initramfs, without an agent."""
        return posixpath.join(self.rootfs, LIB, "initramfs.cpio")

    def tools(self, *, pinned: bool = True) -> list[str]:
        """Return the argv prefix that puts a command into this place's network and onto the targets' CPUs."""
        inside = ["nsenter", f"--net=/run/netns/{self.netns}"] if self.netns else []
        return [*inside, *(self.pins if pinned else [])]

    @property
    def pins(self) -> list[str]:
        """The argv prefix that puts a command onto the targets' CPUs.

        It comes after every control group is joined: where the cpuset controller is on, Linux before 6.2 gives a
        process that changes its group all CPUs of the new one.
        """
        return ["taskset", "--cpu-list", ",".join(map(str, self.cpus))]

    def ip(self, *words: str) -> None:
        """Change this place's network by one command of iproute2."""
        self.run(["ip", *(["-n", self.netns] if self.netns else []), *words])

    @property
    def data_folder(self) -> str:
        """The folder on the disk that jobs may use: a guest's device is mounted there."""
        return "/data" if self.data.startswith("/dev/") else self.data

    def path(self, name: str) -> str:
        """Return a path in the scratch folder."""
        return posixpath.join(self.scratch, name)

    def shell(self, script: str, *words: str) -> bytes:
        """Run a fixed sh(1) script; `words` are its arguments, never part of its text."""
        return self.run(["sh", "-ec", script, "sh", *words])


def host_place(
    image: Image, ledger: Ledger, folder: Path, *, cpus: Sequence[int], address: str = "", netns: str = ""
) -> Place:
    """Return this host as a place; `folder` is a passing folder of the run on the disk that jobs may use."""
    agent = folder / "agent.pyz"
    if not agent.exists():
        _write(agent, pyz.pack())
        agent.chmod(0o644)
    data = folder / "data"
    with made(data):
        data.mkdir(exist_ok=True)
    return Place(
        run=run_on_host,
        put=lambda path, content: _write(Path(path), content),
        hold=ledger.hold,
        rootfs=str(image.rootfs),
        disk=str(image.disk),
        agent=str(agent),
        scratch=str(folder),
        data=str(data),
        cpus=tuple(cpus),
        address=address,
        netns=netns,
        plain=os.getuid() != 0,
        image=image.digest,
    )


def with_image(place: Place, image: Image) -> Place:
    """Return a place of this host with another workload image."""
    return replace(place, rootfs=str(image.rootfs), disk=str(image.disk), image=image.digest)


def with_kind_of(place: Place, image: Image | None) -> Place:
    """Return a place whose image is of a kind: its own if it is, for a target may name one, else `image`."""
    own = find(place.image).manifest
    if image is None or (
        own.architecture == image.manifest.architecture and image.manifest.files.keys() <= own.files.keys()
    ):
        return place
    check(image)
    return with_image(place, image)


def inner_place(outer: Place, pipe: Pipe, **changes: Any) -> Place:
    """Return the inside of an open target as a place; what is made there ends with it."""
    defaults: dict[str, Any] = {
        "hold": lambda _kind, **_what: nullcontext(),
        "rootfs": "/",
        "agent": pyz.AGENT,
        "scratch": "/run/vbench",
        "netns": "",
        "disk": HANDED_DISK if outer.handed else outer.disk,
        "handed": (),
        "ram": None,
        "depth": outer.depth + 1,
        "plain": False,
        "warnings": [],
    }
    return behind(replace(outer, **{**defaults, **changes}), pipe)


def behind(place: Place, pipe: Pipe) -> Place:
    """Return a place as it is seen through a pipe."""

    def run(argv: Sequence[str]) -> bytes:
        outcome = pipe.exec(argv)
        if not outcome.ok:
            raise JobError(f"'{' '.join(argv[:6])}' in '{pipe.name}' {outcome.complaint()}.")
        return outcome.stdout.encode("utf-8", "surrogateescape")

    return replace(place, run=run, put=pipe.put)


def _write(path: Path, content: bytes) -> None:
    with made(path):
        path.write_bytes(content)
