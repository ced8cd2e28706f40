"""Containers on another machine, by its own podman or docker, with the storage and the settings that it has there."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets.engines import container
from vbench.targets.hop import Entry
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings

ENGINES = {"podman": "passthrough", "docker": "none"}  # where a container's output goes beside its pipe
NO_NETWORK = container.Uplink("none", "none")


@dataclass(frozen=True)
class Engine:
    """The hop `podman` or `docker` behind a way to another machine."""

    takes_devices: ClassVar[bool] = False
    name: str

    def missing(self, _outer: tuple[str, ...]) -> list[Missing]:
        """Nothing that this host knows of."""
        return []

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Run a container of the image that the engine has; who removes it over there is told its name first."""
        name, image = new_name(), container.reference(Path(place.rootfs).parent.name)
        stack.enter_context(place.hold("container", engine=[self.name], name=name))
        words = ["run", "--interactive", "--name", name, "--pull=never", f"--log-driver={ENGINES[self.name]}"]
        options = [f"--network={NO_NETWORK.mode}", *container.limits(place, settings), *container.mounts(place, "")]
        argv = [*place.tools(), self.name, *words, *options, image, *container.AGENT]

        def inside(pipe: Pipe) -> Place:
            return container.inner(place, pipe, "the engine's own storage", NO_NETWORK)

        return Entry(argv, inside)
