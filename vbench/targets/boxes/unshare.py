"""util-linux's unshare: all namespaces but the user's, and nothing else; the least that a container can be."""

from contextlib import ExitStack

from vbench.model import Missing
from vbench.targets.bare import SCRIPT, command
from vbench.targets.boxes.box import entry, lacking, network, prefix
from vbench.targets.handover import shown
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings


class Unshare:
    """The hop `unshare`."""

    name = "unshare"
    takes_devices = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """util-linux, and root."""
        return lacking("unshare", "util-linux", outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Prepare the root as for bare metal, in namespaces of its own."""
        before = prefix(place, settings, stack, network(place, stack))
        spaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        prepare = ["sh", "-ec", SCRIPT, "sh", place.rootfs, place.agent, place.data_folder]
        proc = ["sh", "-ec", 'mount -t proc proc "$1/proc"; shift; exec "$@"', "sh", place.rootfs]
        return entry(place, [*before, *spaces, *prepare, *proc, *shown(place), *command(place)], place.disk_path)
