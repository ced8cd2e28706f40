"""Guests of Xen through xl, where the kernel of the place is Xen's dom0.

A paravirtual guest has no virtio port, so its first console is the pipe: raw, and with the kernel's log kept off it.
"""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vbench.ledger import new_name
from vbench.model import Missing
from vbench.targets import accelerator
from vbench.targets import qemu_boot as boot
from vbench.targets.hop import Entry
from vbench.targets.network import BRIDGE, NIC
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings, inner_place
from vbench.targets.qemu import data_disk, settle
from vbench.targets.tcg_xen import TcgXen
from vbench.targets.xen_guest import CARD, CONSOLE, DATA, JOIN, ROOT, SCRIPT, START, configuration, hotplug

CAPABILITIES = Path("/proc/xen/capabilities")
PATIENCE = {"pv": 1, "pvh": 3}  # in that of a guest: an emulated processor takes its time for the exits of a PVH guest


@dataclass(frozen=True)
class Xen:
    """Paravirtual, or with a processor of its own that starts as a paravirtual one does (PVH), by `kind`: pv or pvh."""

    kind: str
    takes_devices: ClassVar[bool] = True
    accelerators: ClassVar[tuple[str, ...]] = ("xen",)

    @property
    def name(self) -> str:
        """As in a path."""
        return f"xen-{self.kind}"

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Xen's dom0 as this machine's kernel, or around it, and xl."""
        if outer and outer[-1] == TcgXen.name:
            return []
        if outer or "control_d" not in _read(CAPABILITIES):
            return [Missing("a kernel that is Xen's dom0", f"boot one, or choose {TcgXen.name}/xen-pv")]
        return [] if shutil.which("xl") else [Missing("xl", "apt-get install xen-utils")]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Write the guest's configuration; return the argv that starts it and becomes its console."""
        name, config = new_name(), place.path("xl.cfg")
        modules = boot.modules_of(place, boot.kernel(place, boot.IMAGE), ("xen_blkfront", CARD, "ext4"))
        data, initrd = data_disk(place), boot.initramfs(place, place.initramfs, modules, before=CONSOLE)
        if place.depth and place.address:
            place.shell(JOIN, NIC, place.card, BRIDGE)
        place.put(config, configuration(name, self.kind, place, settings, initrd, data).encode())
        place.put(place.path(SCRIPT), hotplug(place).encode())
        place.run(["chmod", "+x", place.path(SCRIPT)])
        stack.enter_context(place.hold("domain", name=name))

        def inside(pipe: Pipe) -> Place:
            return inner_place(
                place,
                pipe,
                disk=f"/dev/{ROOT}",
                data=f"/dev/{DATA}",
                disk_path=f"ext4 on xen-blkfront on {place.disk_path}",
                network_path=f"xen-netfront on {place.network_path}",
                card=CARD,
                cpus=tuple(range(settings.cpus)),
                accelerators=(*place.accelerators, "xen"),
            )

        return Entry(
            ["sh", "-ec", START, "sh", config, name],
            inside,
            settle,
            freeze=lambda: _tell(place, "pause", name),
            thaw=lambda: _tell(place, "unpause", name),
            image=lambda: (place.disk, place.kernel, place.initramfs),
            hello_seconds=PATIENCE[self.kind] * accelerator.patience("xen", place),
            patience=0,
        )


def _tell(place: Place, command: str, name: str) -> None:
    place.run(["xl", command, name])


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


XEN = (TcgXen(), Xen("pv"), Xen("pvh"))
XEN_PATHS = ("xen-pv", "xen-pvh", f"{TcgXen.name}/xen-pv")  # those worth naming, of what the hops make
