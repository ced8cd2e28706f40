"""util-linux's unshare: all namespaces but the user's, and nothing else; the least that a container can be."""

from contextlib import ExitStack

from vbench.model import Missing
from vbench.targets.bare import OWN_PROC, command, prepared
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
        argv = [*before, *spaces, *prepared(place, OWN_PROC), *shown(place), *command(place)]
        return entry(place, argv, place.disk_path)
