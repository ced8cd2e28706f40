"""Cloud Hypervisor: virtio devices on PCI, and no firmware where a kernel is given."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from vbench.model import Missing
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings
from vbench.targets.vmm.guest import CID, Guest, entry, lacking, prepare

BUS = "virtio_pci"
OLDEST = (51, 0)  # since then a raw disk is called one: older releases guess by its content, which the guest writes


@dataclass(frozen=True)
class CloudHypervisor:
    """The hop `cloud-hypervisor`."""

    name: ClassVar[str] = "cloud-hypervisor"
    takes_devices: ClassVar[bool] = True
    accelerators: ClassVar[tuple[str, ...]] = ("kvm",)

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Cloud Hypervisor 51 or later in PATH, and KVM, which must have booted a guest here before."""
        return lacking(self.name, OLDEST, BUS, outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Describe the machine on the command line."""
        guest = prepare(place, settings, stack, BUS)
        return entry(place, guest, [self.name, *options(guest)], "direct=on")


def options(guest: Guest) -> list[str]:
    """Return a guest as Cloud Hypervisor's options have it; its serial console is our stderr."""
    card = ["--net", f"tap={guest.tap},mac={guest.mac}"] if guest.tap else []
    root, data = f"path={guest.root},readonly=on,image_type=raw", f"path={guest.data},direct=on,image_type=raw"
    return [
        *("--cpus", f"boot={guest.cpus}", "--memory", f"size={guest.memory}M"),
        *("--kernel", guest.kernel, "--initramfs", guest.initramfs, "--cmdline", guest.parameters),
        *("--disk", root, data, *card, "--vsock", f"cid={CID},socket={guest.socket}"),
        *("--console", "off", "--serial", "file=/proc/self/fd/2"),
    ]
