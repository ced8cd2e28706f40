"""What a guest's machine may be made of: its type, the controller of its disks, its network card, its memory's pages.

Each names the QEMU device and the modules by which a guest's kernel drives it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vbench.errors import HostError, InputError
from vbench.model import Missing
from vbench.targets.place import Place, Ram, Settings

MACHINES = {"q35": "q35", "pc": "pc", "microvm": "microvm,acpi=on,pcie=on,rtc=on"}
ROOT, DATA = "vbench-root", "vbench-data"  # serial numbers of the disks, by which the agent names them in a guest
BY_ID = "/dev/disk/by-id"
PAGES = {"2M": 2**21, "1G": 2**30}  # bytes of a huge page
POOLS = Path("/sys/kernel/mm/hugepages")


@dataclass(frozen=True)
class Disk:
    """A way to attach disks: a `device` each, behind a `controller` and on a `bus` (number in {}) where it takes them.

    `writable` ones refuse a read-only file, so that the image is given to them below an overlay that QEMU throws away.
    """

    device: str
    modules: tuple[str, ...]
    controller: str = ""
    bus: str = ""
    writable: bool = False
    machine: str = ""  # the only one that has it


DISKS: Mapping[str, Disk] = {
    "virtio-blk": Disk("virtio-blk-pci", ("virtio_blk",)),
    "virtio-scsi": Disk("scsi-hd", ("virtio_scsi", "sd_mod"), "virtio-scsi-pci,id=disks", "disks.0"),
    "nvme": Disk("nvme", ("nvme",)),
    "ahci": Disk("ide-hd", ("ahci", "sd_mod"), "ahci,id=disks", "disks.{}", writable=True),
    "ide": Disk("ide-hd", ("ata_piix", "sd_mod"), "", "ide.{}", writable=True, machine="pc"),
}


@dataclass(frozen=True)
class Card:
    """A network card: its QEMU device and the module that drives it."""

    device: str
    module: str


CARDS: Mapping[str, Card] = {
    "virtio-net": Card("virtio-net-pci", "virtio_net"),
    "e1000": Card("e1000", "e1000"),
    "e1000e": Card("e1000e", "e1000e"),
    "rtl8139": Card("rtl8139", "8139cp"),
}


def disks(kind: Disk, root: str, data: str) -> list[str]:
    """Return the options of the root disk, which nobody can write to, and of the data disk, past the page cache."""
    words = ["-device", kind.controller] if kind.controller else []
    how = "snapshot=on" if kind.writable else "readonly=on"
    for number, (name, serial, text) in enumerate(
        (("root", ROOT, f"file={root},{how}"), ("data", DATA, f"file={data},cache=none"))
    ):
        bus = f",bus={kind.bus.format(number)}" if kind.bus else ""
        words += ["-drive", f"{text},format=raw,if=none,id={name}"]
        words += ["-device", f"{kind.device},drive={name},serial={serial}{bus}"]
    return words


def slots(number: int) -> list[str]:
    """Return the options of so many empty slots: q35's own bus takes nothing while the guest runs."""
    ports = (f"pcie-root-port,id=slot{one},bus=pcie.0,chassis={one}" for one in range(1, number + 1))
    return [word for port in ports for word in ("-device", port)]


def machine(asked: str, place: Place, settings: Settings) -> str:
    """Return the machine's type, by default one without firmware tables where each access is an exit of two levels.

    One that is saved does not boot again, and more pairs with q35 inside came back quickly.
    """
    return MACHINES[asked or ("microvm" if place.accelerators and not settings.restored else "q35")]


def unfit(asked: str, disk: str) -> list[Missing]:
    """Return what a machine lacks for a kind of disk."""
    only = DISKS[disk].machine
    if only in ("", asked):
        return []
    return [Missing(f"the controller for disk={disk} in the machine {asked or 'q35'}", f"add machine={only}")]


def missing_slots(number: int, asked: str, outer: tuple[str, ...]) -> list[Missing]:
    """Return what a guest lacks for empty slots: q35, and a host of ours that disks come from."""
    if not number or (asked in ("", "q35") and not outer):
        return []
    where = f"inside of '{outer[-1]}'" if outer else f"in the machine {asked}"
    return [Missing(f"a slot {where} for disks that come later", "leave 'slots' away, or 'machine'")]


def memory(ram: Ram | None, size: int, pages: str = "") -> list[str]:
    """Return the options of `size` MiB of memory, on huge pages or not.

    Memory in a file is shared while it is written and private when restored.
    """
    if ram is None and not pages:
        return ["-m", f"{size}M"]
    incoming = []
    if ram is None:
        backend = f"memory-backend-memfd,id=ram,size={size}M,hugetlb=on,hugetlbsize={pages},prealloc=on"
    else:
        share = "off" if ram.restore else "on"
        backend = f"memory-backend-file,id=ram,size={size}M,mem-path={ram.memory},share={share}"
        incoming = ["-incoming", "defer"] if ram.restore else []
    return ["-m", f"{size}M", "-object", backend, "-machine", "memory-backend=ram", *incoming]


def missing_pages(pages: str) -> list[Missing]:
    """Return what this machine lacks for guests on huge pages; how many a guest takes is known when it starts."""
    if not pages or _free(pages):
        return []
    return [Missing(f"a free huge page of {pages}", _fix(pages, -(-Settings().memory // PAGES[pages])))]


def check_pages(pages: str, size: int, place: Place) -> None:
    """Raise InputError where `size` bytes are no whole pages, HostError where there are too few of them."""
    if not pages:
        return
    if place.ram is not None:
        raise InputError("A restored guest has its memory in a file, not on huge pages.", "Leave 'hugepages' away.")
    if size % PAGES[pages]:
        raise InputError(f"{size // 2**20} MiB are no whole number of pages of {pages}.", f"Use --memory {pages}.")
    wanted = size // PAGES[pages]
    if not place.depth and _free(pages) < wanted:
        remedy = f"Run `{_fix(pages, wanted)}`."
        raise HostError(f"A guest of {size // 2**20} MiB takes {wanted} huge pages; {_free(pages)} are free.", remedy)


def _pool(pages: str) -> Path:
    return POOLS / f"hugepages-{PAGES[pages] // 1024}kB"


def _free(pages: str) -> int:
    try:
        return int((_pool(pages) / "free_hugepages").read_text())
    except (OSError, ValueError):
        return 0


def _fix(pages: str, number: int) -> str:
    """Return the command that sets aside pages; sysctl knows the default size alone, which x86 has at 2 MiB."""
    return f"sysctl vm.nr_hugepages={number}" if pages == "2M" else f"echo {number} > {_pool(pages)}/nr_hugepages"
