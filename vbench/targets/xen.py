"""Guests of Xen through xl, where the kernel of the place is Xen's dom0: the hops `xen-pv` and `xen-pvh`.

A paravirtual guest has no virtio port, so its first console is the pipe: raw, and with the kernel's log kept off it.
"""

import json
import shlex
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
from vbench.targets.network import BRIDGE, NIC, mac_address
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings, inner_place
from vbench.targets.qemu import data_disk, mitigations, settle
from vbench.targets.tcg_xen import TcgXen

CAPABILITIES = Path("/proc/xen/capabilities")
SCRIPT = "hotplug"
ROOT, DATA, CARD = "xvda", "xvdb", "xen_netfront"
# Before the agent starts: descriptor 3 keeps the console open, for its mode is forgotten when nobody has it.
CONSOLE = b"""
exec 3<>/root/dev/hvc0
busybox stty raw -echo <&3
busybox ln -s hvc0 /root/dev/vport0
exec </root/dev/null >/root/dev/null 2>&1
"""
APPEND = ["quiet", "loglevel=1", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]
# $1 is the configuration, $2 the name. The console has a terminal once xenconsoled has seen the guest; it goes with it.
START = """
xl create --quiet "$1" >&2
console=/local/domain/$(xl domid "$2")/console/tty
until terminal=$(xenstore-read "$console" 2>/dev/null); do sleep 0.05; done
stty -F "$terminal" raw -echo
exec 3<&0
cat <&3 >"$terminal" &
exec cat "$terminal"
"""
# In a dom0 that is itself a guest its card $1, of the module $2, becomes a port of the bridge $3.
JOIN = """
[ -e "/sys/class/net/$1" ] || modprobe "$2"
ip link add "$3" type bridge
ip link set "$1" master "$3" up
ip link set "$3" up
"""
# libxl calls it for each device, $vif being the host's end of a network card, and waits for what it writes to xenstore.
# Xen's own scripts are a hundred processes each, which under TCG take longer than libxl waits.
HOTPLUG = """#!/bin/sh -e
case "$1" in
add)
    device=$(stat --dereference --format=%t:%T "$(xenstore-read "$XENBUS_PATH/params")")
    xenstore-write "$XENBUS_PATH/physical-device" "$device" "$XENBUS_PATH/hotplug-status" connected
    ;;
online)
    {move}
    ip {where} link set "$vif" master {bridge} up
    xenstore-write "$XENBUS_PATH/hotplug-status" connected
    ;;
esac
"""


@dataclass(frozen=True)
class Xen:
    """A guest of Xen: `kind` is pv or pvh."""

    kind: str
    takes_devices: ClassVar[bool] = True
    accelerators: ClassVar[tuple[str, ...]] = ("xen",)

    @property
    def name(self) -> str:
        """As in a path."""
        return f"xen-{self.kind}"

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Xen's dom0 as this machine's kernel, and xl; under TCG Xen's PVH guests die as they start."""
        if outer and outer[-1] == TcgXen.name:
            return [] if self.kind == "pv" else [Missing("a processor that Xen starts PVH guests on", "choose xen-pv")]
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
            hello_seconds=accelerator.patience("xen", place),
            patience=0,
        )


def _tell(place: Place, command: str, name: str) -> None:
    place.run(["xl", command, name])


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def hotplug(place: Place) -> str:
    """Return the script that connects a guest's devices: its card becomes a port of the place's bridge."""
    name = shlex.quote(place.netns)
    move, where = (f'ip link set "$vif" netns {name}', f"-n {name}") if place.netns else (":", "")
    return HOTPLUG.format(move=move, where=where, bridge=BRIDGE)


def configuration(name: str, kind: str, place: Place, settings: Settings, initrd: str, data: str) -> str:
    """Return what `xl create` reads (xl.cfg(5)); its texts and lists are written as JSON's."""
    script = f"script={place.path(SCRIPT)}"
    # A device goes to the kernel's back end; how a file is served is for libxl to find.
    how = f"format=raw,backendtype=phy,{script}" if place.disk.startswith("/dev/") else "format=raw"
    said = {
        "name": name,
        "type": kind,
        "kernel": place.kernel,
        "ramdisk": initrd,
        "extra": " ".join([*APPEND, *mitigations()]),
        "memory": settings.memory // 2**20,
        "vcpus": settings.cpus,
        "disk": [f"{how},vdev={ROOT},access=ro,target={place.disk}", f"{how},vdev={DATA},access=rw,target={data}"],
        "vif": [f"mac={mac_address(place)},{script}"] if place.address else [],
        **dict.fromkeys(("on_poweroff", "on_reboot", "on_crash"), "destroy"),
    }
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


XEN = (TcgXen(), Xen("pv"), Xen("pvh"))
XEN_PATHS = ("xen-pv", "xen-pvh", f"{TcgXen.name}/xen-pv")  # those worth naming, of what the hops make
