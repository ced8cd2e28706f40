"""A podman container of the workload image, in a storage root of our own, as root or rootless.

conmon stays out of the data path (--log-driver passthrough): the pipe is the container's own stdin and stdout.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from vbench.errors import InputError
from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets.confine import controllers_delegated
from vbench.targets.engines import container, podman_inside
from vbench.targets.engines.container import AGENT, SYSTEMD, VOLUME, Uplink
from vbench.targets.engines.podman_engine import (
    Engine,
    forget_removed,
    over_fuse,
    plain_user,
    root_engine,
    rootless_engine,
    runtime,
    ulimits,
)
from vbench.targets.hop import Entry
from vbench.targets.network import lend_address
from vbench.targets.options import one_of, option
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings
from vbench.targets.spawn import run

RUNTIMES = ("crun", "runc")
FUSE, SLIRP, VETH, HOST = "fuse-overlayfs", "slirp4netns", "veth", "host"
STORAGES = ("overlay", VOLUME, FUSE)
NETWORKS = (VETH, HOST, SLIRP)
DEVICES = {FUSE: Path("/dev/fuse"), SLIRP: Path("/dev/net/tun")}  # that these programs open as podman's user
FOR_ALL = 0o006
PATIENCE = 3.0  # seconds; a client whose conmon is gone never ends
NO_MEMORY = "the memory limit is not applied: no memory cgroup is delegated to the user"


def _runtime(text: str) -> str:
    if shutil.which(one_of("runtime", RUNTIMES)(text)) is None:
        raise InputError(f"There is no '{text}' on this machine.", f"apt-get install {text}")
    return text


@dataclass(frozen=True)
class Podman:
    """The hops `podman` (root's engine) and `podman-rootless` (a plain user's)."""

    takes_devices: ClassVar[bool] = False
    rootless: bool = False
    runtime: str = option("", _runtime, "the OCI runtime, crun or runc")
    storage: str = option("overlay", one_of("storage", STORAGES), "what jobs' data lies on")
    network: str = option("", one_of("network", NETWORKS), "the way to the peer; root's is veth, a user's slirp4netns")

    @property
    def name(self) -> str:
        """The engine with its user."""
        return "podman-rootless" if self.rootless else "podman"

    @property
    def labels(self) -> tuple[str, ...]:
        """What every cell says of it."""
        return ("rootless",) if self.rootless else ()

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Podman, a runtime that takes this cgroup layout, the right user, and what the options need."""
        if outer:
            return podman_inside.missing(outer, self.storage, self.network, "rootless" if self.rootless else "")
        if shutil.which("podman") is None:
            return [Missing("podman", "apt-get install podman")]
        if runtime() is None:
            return [Missing("an OCI runtime for this cgroup layout", "apt-get install runc")]
        user = self._missing_rootless() if self.rootless else self._missing_root()
        return user or [lack for choice in (self.storage, self.network) for lack in self._missing_for(choice)]

    def _missing_root(self) -> list[Missing]:
        return [Missing("root", "run vbench as root, or choose podman-rootless")] if os.getuid() else []

    def _missing_rootless(self) -> list[Missing]:
        user = plain_user()
        if user is None:
            return [Missing("a plain user to be rootless as", "run vbench through sudo, or set VBENCH_USER=NAME")]
        if shutil.which("newuidmap") is None:
            return [Missing("newuidmap", "apt-get install uidmap")]
        if not any(line.startswith(f"{user.pw_name}:") for line in Path("/etc/subuid").read_text().splitlines()):
            name = user.pw_name
            fix = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
            return [Missing(f"subordinate ids of the user '{name}'", fix)]
        return []

    def _missing_for(self, choice: str) -> list[Missing]:
        """Return the program that a choice needs, or its device where the user may not open it."""
        device = DEVICES.get(choice)
        if device is None:
            return []
        if shutil.which(choice) is None:
            return [Missing(choice, f"apt-get install {choice}")]
        if not device.exists():
            return [Missing(str(device), f"modprobe {device.name}")]
        if self.rootless and device.stat().st_mode & FOR_ALL != FOR_ALL:
            return [Missing(f"a {device} that the user may open", f"chmod 666 {device}")]
        return []

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Import the image on first use, make the network, and run the container."""
        if place.depth:
            return podman_inside.enter(place, settings, self.storage)
        keeper = self._engine(place, stack, rootless_engine() if self.rootless else root_engine())
        image, new = container.import_image(place, keeper.words)
        if new:
            forget_removed(keeper)
        engine = self._engine(place, stack, over_fuse(keeper)) if self.storage == FUSE else keeper
        if self.rootless and self.storage == VOLUME:
            place.run(["chown", str(engine.uid), place.data])
        name = new_name()
        uplink = self._uplink(place, stack, partial(_first, engine, name))
        group = [] if self.rootless or SYSTEMD.exists() else container.own_group(place, name, stack)
        stack.enter_context(place.hold("container", engine=engine.words, name=name))
        # Without --rm, which would mount the overlay so that fsync(2) does nothing; the ledger removes the container.
        words = ["run", "--interactive", "--name", name, "--pull=never", "--log-driver=passthrough"]
        options = [f"--network={uplink.mode}", *group, *self._limits(place, settings), *ulimits()]
        chosen = ["--runtime", self.runtime] if self.runtime else []
        argv = [*engine.words, *chosen, *words, *options, *container.mounts(place, self.storage), image, *AGENT]

        def inside(pipe: Pipe) -> Place:
            return container.inner(place, pipe, self.storage, uplink, self.labels)

        return Entry(
            [*place.tools(), *argv],
            inside,
            settle=lambda _inside: uplink.join(),
            image=lambda: container.layer(keeper.words, image),
            patience=PATIENCE,
        )

    def _engine(self, place: Place, stack: ExitStack, engine: Engine) -> Engine:
        """Return the engine; the process by which a rootless one keeps its namespaces goes with `stack`."""
        if self.rootless:
            stack.enter_context(place.hold("pause", path=str(engine.pause), uid=engine.uid))
        return engine

    def _uplink(self, place: Place, stack: ExitStack, first: Callable[[], int]) -> Uplink:
        if not place.address:
            return Uplink("none", "none")
        kind = self.network or self._usual(place)
        if kind == VETH:  # a plain user's container cannot enter a namespace of root's
            return container.veth_later(place, stack, first) if self.rootless else container.veth(place, stack)
        if kind == HOST:
            lend_address(place, stack)
            return Uplink(HOST, place.network_path)
        return Uplink(SLIRP, f"{SLIRP} on {place.network_path}")

    def _usual(self, place: Place) -> str:
        if not self.rootless:
            return VETH
        if not (lacking := self._missing_for(SLIRP)):
            return SLIRP
        place.warnings.append(f"rootless network is the host's own stack: {lacking[0].what} is missing")
        return HOST

    def _limits(self, place: Place, settings: Settings) -> list[str]:
        if self.rootless and not controllers_delegated():
            place.warnings.append(NO_MEMORY)
            return []
        return container.limits(place, settings)


def _first(engine: Engine, name: str) -> int:
    """Return the PID of a container's first process."""
    return int(run([*engine.words, "container", "inspect", "--format", "{{.State.Pid}}", name]))
