"""bubblewrap, the sandbox of Flatpak: every namespace, no privileges left, and a /dev of its own."""

from contextlib import ExitStack

from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import PATH
from vbench.targets.boxes.box import AGENT, RUN, entry, lacking, network, prefix
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings


class Bwrap:
    """The hop `bwrap`."""

    name = "bwrap"
    takes_devices = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """bubblewrap, and root."""
        return lacking("bwrap", "bubblewrap", outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Bind the image's root read-only, the data folder and the agent."""
        before = prefix(place, settings, stack, network(place, stack))
        data = place.data_folder
        mounts = ["--ro-bind", place.rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/sys", "/sys"]
        mounts += ["--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", RUN]  # noqa: S108 - the box's own
        mounts += ["--bind", data, "/data", "--ro-bind", place.agent, pyz.AGENT]
        for one in place.handed:
            mounts += ["--dev-bind" if one.device else "--ro-bind", one.source, one.where]
        spaces = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"]
        spaces += ["--setenv", "PATH", PATH]
        return entry(place, [*before, "bwrap", *mounts, *spaces, "--chdir", "/", "--", *AGENT])
