"""A guest of Xen as xl is told of it: its configuration, what connects its devices, what makes its console a pipe."""

import json
import shlex

from vbench.targets.network import BRIDGE, mac_address
from vbench.targets.place import Place, Settings
from vbench.targets.qemu import mitigations

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
