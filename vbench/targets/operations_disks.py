"""Disks that come to a running guest and go: virtio-blk in one of the empty PCIe slots that it was started with.

The guest has such slots by an option: `kvm:slots=2`. q35's own bus takes nothing while the guest runs.
"""

import re
import time
from dataclasses import dataclass

from vbench.errors import InputError, TargetError
from vbench.targets.chain import Instance
from vbench.targets.interruption import Interruption, watched
from vbench.targets.monitor import Monitor, devices
from vbench.targets.operations import control_of

PORT = "child<pcie-root-port>"
# $1 is a disk's serial number: print the file that shows it as soon as there is one.
FIND = """
modprobe -q virtio_blk || true
until grep -lx "$1" /sys/block/*/serial 2>/dev/null; do sleep 0.005; done
"""
FOUND = re.compile(r"/sys/block/([a-z]+)/serial\n")


@dataclass(frozen=True)
class Disk:
    """A disk that was plugged in: its name, which is also its serial number, its device in the guest, its file here."""

    name: str
    device: str
    file: str
    cost: Interruption


def plug(instance: Instance, size: int) -> Disk:
    """Give a running guest a new, empty disk of `size` bytes; `total` runs until the guest shows it.

    Raises InputError where the instance is no guest on this host or has no empty slot, and JobError where the guest
    does not find the disk.
    """
    control = control_of(instance)
    slot = _empty_slot(control.monitor, instance.target)
    name = _disk_in(slot)
    file = f"{control.disk}.{name}"
    control.place.run(["truncate", f"--size={size}", file])
    with watched(instance.pipe) as watch:
        began = time.monotonic()
        storage = {"driver": "file", "filename": file, "cache": {"direct": True}}
        control.monitor.execute("blockdev-add", driver="raw", node_name=name, file=storage)
        control.monitor.execute("device_add", driver="virtio-blk-pci", id=name, bus=slot, drive=name, serial=name)
        found = FOUND.fullmatch(instance.place.shell(FIND, name).decode(errors="replace"))
        if found is None:
            raise TargetError(f"The guest '{instance.target}' shows its new disk where no disk can be.")
        total = time.monotonic() - began
        return Disk(name, f"/dev/{found[1]}", file, watch.end(total))


def unplug(instance: Instance, disk: Disk) -> Interruption:
    """Take a disk away that no file system is on any more; `total` runs until the guest has let it go.

    Raises TargetError where the guest keeps it.
    """
    control = control_of(instance)
    with watched(instance.pipe) as watch:
        began = time.monotonic()
        control.monitor.execute_until("DEVICE_DELETED", disk.name, "device_del", id=disk.name)
        total = time.monotonic() - began
        control.monitor.execute("blockdev-del", node_name=disk.name)
        control.place.run(["rm", disk.file])
        return watch.end(total)


def _empty_slot(monitor: Monitor, target: str) -> str:
    there = devices(monitor)
    slots = [name for name, kind in there.items() if kind == PORT]
    empty = [slot for slot in slots if _disk_in(slot) not in there]
    if not empty:
        remedy = f"Start it with more of them, such as 'kvm:slots={len(slots) + 1}'."
        raise InputError(f"The guest '{target}' has no empty slot for a disk.", remedy)
    return empty[0]


def _disk_in(slot: str) -> str:
    return f"disk-{slot}"
