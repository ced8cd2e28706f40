"""gVisor: a kernel of its own in user space, by its OCI runtime runsc on the bundle that runc gets.

runsc leaves cgroups alone here, because it knows no hybrid of their versions: the memory limit and the CPUs are put
around all of it from outside.
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import ClassVar

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets.boxes.box import entry, lacking, network, prefix
from vbench.targets.boxes.gvisor_platform import BY_ITSELF, PLATFORMS, works
from vbench.targets.boxes.oci import configure
from vbench.targets.hop import Entry
from vbench.targets.options import one_of, option
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings

# runsc takes a network namespace that shows the root's buffer sizes for the root's own, as all do since Linux 6.0.
HIDE = ["unshare", "--mount", "--propagation", "slave", "sh", "-ec"]
HIDE += ['mount -t tmpfs -o ro none /proc/sys/net; exec "$@"', "sh"]


@dataclass(frozen=True)
class Gvisor:
    """The hop `gvisor`."""

    name: ClassVar[str] = "gvisor"
    takes_devices: ClassVar[bool] = False
    platform: str = option("", one_of("platform", PLATFORMS), "what catches system calls; by default what starts here")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """runsc, root, and a platform of gVisor's that starts here."""
        if lack := lacking("runsc", "runsc", outer):
            return lack
        asked = self.platform or " or ".join(BY_ITSELF)
        fix = f"choose another by gvisor:platform=NAME ({', '.join(PLATFORMS)}), or install another runsc"
        return [] if self.chosen() else [Missing(f"gVisor's platform {asked}, which does not start here,", fix)]

    def chosen(self) -> str | None:
        """Return the platform that was asked for, else the first of gVisor's defaults, if it starts here."""
        return next(filter(works, [self.platform] if self.platform else BY_ITSELF), None)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Write a bundle and run it behind gVisor's own network stack."""
        platform = self.platform or self.chosen() or BY_ITSELF[-1]
        name, state = new_name(), place.path("state")
        before = prefix(place, settings, stack)
        stack.enter_context(place.hold("bundle", engine=["runsc", "--root", state], name=name))
        namespace = network(place, stack)
        config = json.loads(place.shell('cd "$1"; runsc spec; cat config.json', place.scratch))
        config["linux"]["resources"] = {}  # runsc's own example has none
        configure(config, place, settings, f"/{name}", namespace)
        place.put(place.path("config.json"), json.dumps(config).encode())
        words = ["runsc", "--root", state, "--ignore-cgroups", f"--platform={platform}"]
        words += [f"--network={'sandbox' if namespace else 'none'}", "run", "--bundle", place.scratch, name]
        made = entry(place, [*before, *HIDE, *words], f"gVisor's gofer on {place.disk_path}")

        def inside(pipe: Pipe) -> Place:
            wire = f"gVisor's network stack on veth on {place.network_path}"
            return replace(made.inside(pipe), network_path=wire, accelerators=(*place.accelerators, platform))

        return replace(made, inside=inside)
