"""Firecracker, the monitor of AWS Lambda: five virtio devices on a memory-mapped bus, and no firmware."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

from vbench.model import Missing
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings
from vbench.targets.vmm.guest import CID, Guest, entry, lacking, prepare

BUS = "virtio_mmio"
OLDEST = (1, 8)  # since then its devices are found by ACPI, as Debian's kernels look for them
PARAMETERS = ("reboot=k", "pci=off")  # a reset by the keyboard controller is how its guests end


@dataclass(frozen=True)
class Firecracker:
    """The hop `firecracker`."""

    name: ClassVar[str] = "firecracker"
    takes_devices: ClassVar[bool] = True
    accelerators: ClassVar[tuple[str, ...]] = ("kvm",)

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Firecracker 1.8 or later in PATH, and KVM, which must have booted a guest here before."""
        return lacking(self.name, OLDEST, BUS, outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Write the machine's description and start it without an API."""
        guest = prepare(place, settings, stack, BUS, *PARAMETERS)
        file = place.path("firecracker.json")
        place.put(file, json.dumps(description(guest)).encode())
        return entry(place, guest, [self.name, "--no-api", "--config-file", file], "the host's page cache")


def description(guest: Guest) -> dict[str, Any]:
    """Return a guest as Firecracker's configuration file has it (its docs/getting-started.md and API)."""
    source = {"kernel_image_path": guest.kernel, "initrd_path": guest.initramfs, "boot_args": guest.parameters}
    card = {"iface_id": "eth0", "host_dev_name": guest.tap, "guest_mac": guest.mac}
    return {
        "boot-source": source,
        "machine-config": {"vcpu_count": guest.cpus, "mem_size_mib": guest.memory},
        "drives": [drive("root", guest.root, read_only=True), drive("data", guest.data, read_only=False)],
        "network-interfaces": [card] if guest.tap else [],
        "vsock": {"guest_cid": CID, "uds_path": guest.socket},
    }


def drive(name: str, path: str, *, read_only: bool) -> dict[str, Any]:
    """Return a disk, on which a flush is one: left alone Firecracker ignores the guest's flushes."""
    mode = {"is_read_only": read_only, "is_root_device": False, "cache_type": "Writeback"}
    return {"drive_id": name, "path_on_host": path, **mode}
