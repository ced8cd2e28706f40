"""systemd-nspawn, which needs no systemd on the host where it registers nothing with it."""

from contextlib import ExitStack

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import PATH
from vbench.targets.boxes.box import AGENT, RUN, entry, lacking, network, prefix
from vbench.targets.handover import CAPABILITY
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings


class Nspawn:
    """The hop `nspawn`."""

    name = "nspawn"
    takes_devices = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """systemd-nspawn, and root."""
        return lacking("systemd-nspawn", "systemd-container", outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Start the agent behind nspawn's own init on the image's root, which is read-only."""
        before = prefix(place, settings, stack)
        namespace = network(place, stack)
        name = new_name()
        words = ["systemd-nspawn", "--quiet", f"--directory={place.rootfs}", f"--machine={name}", "--read-only"]
        words += ["--register=no", "--keep-unit", "--as-pid2", "--pipe", "--resolv-conf=off", "--timezone=off"]
        words += ["--link-journal=no", "--tmpfs=/tmp:mode=1777", f"--tmpfs={RUN}:mode=755", f"--setenv=PATH={PATH}"]
        words += [f"--bind={place.data}:/data"]
        words += [f"--bind-ro={place.agent}:{pyz.AGENT}"]
        words += [f"--bind{'' if one.device else '-ro'}={one.source}:{one.where}" for one in place.handed]
        words += [f"--capability=CAP_{CAPABILITY}"] if place.handed else []
        words += [f"--network-namespace-path={namespace}"] if namespace else []
        return entry(place, [*before, *words, *AGENT])
