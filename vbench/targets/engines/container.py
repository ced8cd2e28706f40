"""What the containers of engines share: the image's name there, what is mounted, limits, network, and the inside."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vbench.errors import HostError
from vbench.targets import pyz
from vbench.targets.handover import CAPABILITY
from vbench.targets.network import add_container_namespace
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place
from vbench.targets.spawn import run

REPOSITORY = "localhost/vbench"
TAG = 24  # characters of an image's digest that name it there
IMPORT = 600.0  # seconds: half a gigabyte is written twice, on whatever disk there is
SYSTEMD = Path("/run/systemd/system")
VOLUME = "volume"
AGENT = [*PYTHON, pyz.AGENT]


@dataclass(frozen=True)
class Uplink:
    """The network of a container: the engine's word for it, the way of its packets, and what to do once it runs."""

    mode: str
    path: str
    join: Callable[[], None] = lambda: None


def reference(digest: str) -> str:
    """Return the name by which an engine knows an image."""
    return f"{REPOSITORY}:{digest[:TAG]}"


def import_image(place: Place, words: Sequence[str]) -> tuple[str, bool]:
    """Return the name of the workload image in the engine that `words` call, and whether its tar was imported now."""
    image = Path(place.rootfs).parent
    name = reference(image.name)
    try:
        run([*words, "image", "inspect", "--format", "{{.Id}}", name])
    except HostError:
        # podman copies the tar to $TMPDIR twice, and leaves that there where it is killed.
        script = 'tar=$1 TMPDIR=$2; shift 2; mkdir -pm 1777 "$TMPDIR"; export TMPDIR; exec "$@" <"$tar"'
        passing = [str(image / "rootfs.tar"), place.path("import")]
        run(["sh", "-ec", script, "sh", *passing, *words, "import", "-", name], timeout=IMPORT)
        return name, True
    return name, False


def layer(words: Sequence[str], image: str) -> tuple[str, ...]:
    """Return the folder that holds an imported image, which has one layer."""
    form = "{{.GraphDriver.Data.UpperDir}}"
    return (run([*words, "image", "inspect", "--format", form, image]).decode().strip(),)


def mounts(place: Place, storage: str) -> list[str]:
    """Return the options for the agent, for /tmp, and for a data folder that is no part of the container's layer."""
    data = [f"--volume={place.data_folder}:/data"] if storage == VOLUME else []
    return [f"--volume={place.agent}:{pyz.AGENT}:ro", "--tmpfs=/tmp:exec,mode=1777", *data, *_handed(place)]


def _handed(place: Place) -> list[str]:
    """Return the options by which a guest in the container has what it needs."""
    devices = [f"--device={one.source}:{one.where}" for one in place.handed if one.device]
    files = [f"--volume={one.source}:{one.where}:ro" for one in place.handed if not one.device]
    return [*devices, *files, *([f"--cap-add={CAPABILITY}"] if place.handed else [])]


def limits(place: Place, settings: Settings) -> list[str]:
    """Return the options for the targets' CPUs and memory."""
    return [f"--cpuset-cpus={','.join(map(str, place.cpus))}", f"--memory={settings.memory}"]


def own_group(place: Place, name: str, stack: ExitStack) -> list[str]:
    """Return the option that puts a container's control groups below one of ours, which goes with `stack`."""
    stack.enter_context(place.hold("cgroups", name=name))
    return [f"--cgroup-parent=/{name}"]


def veth(place: Place, stack: ExitStack) -> Uplink:
    """Return a namespace of ours that the container joins."""
    return Uplink(f"ns:{add_container_namespace(place, stack)}", f"veth on {place.network_path}")


def veth_later(place: Place, stack: ExitStack, first: Callable[[], int]) -> Uplink:
    """Return a namespace of the container's own, which gets the veth pair once `first` can tell its first process."""

    def join() -> None:
        add_container_namespace(place, stack, str(first()))

    return Uplink("none", f"veth on {place.network_path}", join)


def inner(place: Place, pipe: Pipe, storage: str, uplink: Uplink, labels: tuple[str, ...] = ()) -> Place:
    """Return the inside of a container."""
    return inner_place(
        place,
        pipe,
        data="/data",
        disk_path=f"{'bind mount' if storage == VOLUME else storage} on {place.disk_path}",
        network_path=uplink.path,
        labels=(*place.labels, *labels),
        warnings=place.warnings,
    )
