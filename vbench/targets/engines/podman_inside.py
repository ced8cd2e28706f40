"""podman in a guest: root's engine, which the image brings, over the image's own root and in the guest's network.

There is nothing to import: the container's root is an overlay over the root that the guest has already (`--rootfs`),
thrown away with it. podman keeps its storage on the guest's data disk, since the root cannot be written to.
"""

from pathlib import Path

from vbench.model import Missing
from vbench.targets import accelerator
from vbench.targets.boxes.box import lacking_inside, own_root
from vbench.targets.engines import container
from vbench.targets.engines.podman_engine import Engine
from vbench.targets.hop import Entry
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings

TAKEN = ("overlay", container.VOLUME, "host")  # of podman's storages and networks
NAME = "vbench"  # there is no other container in the guest
HOME = Path("/data/podman")  # the container's own layer is in the second of these folders
ENGINE = Engine((), 0, HOME / "images", HOME / "state")
# podman passes no terminal through, and stderr is the guest's console: what is said goes there by way of a pipe.
LAST_WORDS = 'mkfifo "$1"; cat "$1" >&2 & exec 2>"$1"; shift; exec "$@"'
# Whatever this host has; and /etc, where podman keeps the locks of its networks, cannot be written to.
GUESTS_OWN = ["--runtime", "crun", "--cgroup-manager", "cgroupfs", "--network-config-dir", f"{HOME}/networks"]


def missing(outer: tuple[str, ...], *choices: str) -> list[Missing]:
    """Return what podman lacks inside the hops `outer`: itself in the image, a guest around it, what was chosen."""
    unfit = [choice for choice in choices if choice and choice not in TAKEN]
    lacking = [Missing(f"what podman needs inside a guest for '{choice}'", "leave it away") for choice in unfit]
    return lacking_inside("podman", "podman", outer) + lacking


def enter(place: Place, settings: Settings, storage: str) -> Entry:
    """Run the container below the guest's control groups, with its CPUs and the memory limit."""
    run = ["run", "--interactive", "--name", NAME, "--log-driver=passthrough", "--network=host"]
    options = [*container.limits(place, settings), *container.mounts(place, storage)]
    argv = [*ENGINE.words, *GUESTS_OWN, *run, *options, "--rootfs", f"{own_root(place)}:O", *container.AGENT]

    def inside(pipe: Pipe) -> Place:
        return container.inner(place, pipe, storage, container.Uplink("host", place.network_path))

    words = ["sh", "-ec", LAST_WORDS, "sh", place.path("stderr"), *place.tools(), *argv]
    return Entry(words, inside, hello_seconds=accelerator.patience("", place))
