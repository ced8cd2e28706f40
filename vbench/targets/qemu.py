"""A QEMU guest with the agent as its init, its console on our stderr.

By default it is a q35 with virtio devices and the image's own kernel; a target's options choose others.
"""

import platform
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vbench.model import Missing
from vbench.probes.matters import EMULATED_GUEST, GUEST_CARD, GUEST_DISK
from vbench.targets import accelerator, handover, pinning, tsc
from vbench.targets import qemu_boot as boot
from vbench.targets.hop import Entry
from vbench.targets.monitor import Control, Monitor, load, save
from vbench.targets.network import NIC, WIRES, Wire, mac_address, wire_up
from vbench.targets.options import file, number, one_of, option, program
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings, inner_place
from vbench.targets.qemu_devices import (
    BY_ID,
    CARDS,
    DATA,
    DISKS,
    MACHINES,
    PAGES,
    ROOT,
    check_pages,
    disks,
    machine,
    memory,
    missing_pages,
    missing_slots,
    slots,
    unfit,
)

EMULATOR = f"qemu-system-{platform.machine()}"
MODEL = {"kvm": "host", "tcg": "EPYC"}  # EPYC has SVM on; `max` boots a nested guest twice as slowly
COMMON = ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]
EMULATED = ["tsc=reliable", "no_timer_check"]  # TCG's timers fail calibration under load
MITIGATIONS = ("mitigations=off", "mitigations=auto,nosmt")
DATA_SIZE = "1G"
READ_AHEAD = "128"  # KiB, what Linux gives every disk; init.sh raises it while Python is read
UUID = "6d1c0a0e-7b5f-4f0e-9d7a-2f6b3c1e8a55"  # the same every time: a restored guest must find the disk it knew
# One script, because in an emulated guest every exec costs .1 s. There is no udev in our guests, and no boot waits for
# a network: its module is loaded here, unless the initramfs brought it, where the root has none for this kernel.
SETTLE = """
for disk in /sys/block/*/queue; do echo "$1" >"$disk/read_ahead_kb"; done
mount -t ext4 "$2" /data
ip link set lo up
[ "$5" ] || exit 0
[ -e "/sys/class/net/$3" ] || modprobe "$4"
ip address add "$5" dev "$3"
ip link set "$3" up
[ ! "$6" ] || ip route add default via "$6"
until read -r carrier <"/sys/class/net/$3/carrier" && [ "$carrier" = 1 ]; do sleep 0.01; done
"""
FORMAT = ["-q", "-t", "ext4", "-J", "size=4", "-m", "0", "-U", UUID]
FORMAT += ["-E", f"lazy_itable_init=0,lazy_journal_init=0,nodiscard,hash_seed={UUID}"]
FORMAT_TIME = "E2FSPROGS_FAKE_TIME=1000000000"


@dataclass(frozen=True)
class Qemu:
    """The hop of `kvm`; which accelerator really runs it is proven by a boot and named in the labels."""

    name: ClassVar[str] = "qemu"
    takes_devices: ClassVar[bool] = True
    accelerator: str = option("", one_of("accelerator", tuple(MODEL)), "kvm or tcg, instead of what was proven")
    machine: str = option("", one_of("machine", MACHINES), "q35, pc or microvm; inside a guest a microvm, else q35")
    disk: str = option("virtio-blk", one_of("disk", DISKS), f"what carries the disks: {', '.join(DISKS)}")
    nic: str = option("virtio-net", one_of("network card", CARDS), f"the network card: {', '.join(CARDS)}")
    wire: str = option("", one_of("wire", WIRES), "tap, or slirp, which needs no privilege; tap where it can be had")
    hugepages: str = option("", one_of("size of huge pages", PAGES), "2M or 1G: the guest's memory is on huge pages")
    kernel: str = option(boot.IMAGE, boot.named, "image, generic (the image's second), host (this machine's) or a file")
    initramfs: str = option("", file, "the initramfs, instead of the image's")
    qemu: str = option("", program, "the QEMU to run")
    slots: int = option(0, number, "empty PCIe slots for disks that come while it runs; only q35 has them")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU here; inside a guest the image brings it, and the host must offer nesting where it runs KVM."""
        unfitting = unfit(self.machine, self.disk) + missing_slots(self.slots, self.machine, outer)
        if outer:
            return handover.missing(outer) + unfitting
        found = self.qemu or shutil.which(EMULATOR)
        lacking = [] if found else [Missing(EMULATOR, "apt-get install qemu-system-x86")]
        lacking += unfitting + missing_pages(self.hugepages)
        return lacking + (boot.missing(self.kernel, self.modules) if self.own_modules else [])

    @property
    def modules(self) -> tuple[str, ...]:
        """What the initramfs loads; the card's is there too where the root has no modules of the kernel."""
        card = (CARDS[self.nic].module,) if self.kernel == boot.HOST else ()
        return (*boot.ALWAYS, *DISKS[self.disk].modules, *card)

    @property
    def own_modules(self) -> bool:
        """Whether the image's initramfs, with the modules of virtio-blk and of one kernel, will not do."""
        return not self.initramfs and (self.disk != "virtio-blk" or self.kernel in (boot.GENERIC, boot.HOST))

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Make initramfs, data disk and wire in `place`; return QEMU's argv."""
        check_pages(self.hugepages, settings.memory, place)
        kind = accelerator.choose(place, self.accelerator or settings.accelerator)
        kernel, base = self.boot_files(place)
        carried = boot.modules_of(place, boot.kernel(place, self.kernel), self.modules) if self.own_modules else b""
        disk, initrd = data_disk(place), boot.initramfs(place, base, carried)
        wire = wire_up(place, self.wire, stack) if place.address else None
        monitor = Monitor(place.path("qmp"))
        words = command(self, place, settings, kind, kernel, initrd, disk) + card(self.nic, place, wire)
        pins = pinning.beside(place.cpus) if place.depth else []
        server = [] if place.depth else ["-qmp", monitor.server]
        stack.callback(monitor.close)

        def inside(pipe: Pipe) -> Place:
            emulated = "tcg" in (*place.accelerators, kind)
            return inner_place(
                place,
                pipe,
                disk=f"{BY_ID}/{ROOT}",
                data=f"{BY_ID}/{DATA}",
                disk_path=f"ext4 on {self.disk} (cache=none) on {place.disk_path}",
                network_path=f"{self.nic} on {wire.kind if wire else self.wire or 'tap'} on {place.network_path}",
                address=wire.address if wire else "",
                gateway=wire.gateway if wire else "",
                card=CARDS[self.nic].module,
                cpus=tuple(range(settings.cpus)),
                labels=(*place.labels, *(["emulated"] if kind == "tcg" else [])),
                accelerators=(*place.accelerators, kind),
                facts={GUEST_DISK: self.disk, GUEST_CARD: self.nic, EMULATED_GUEST: "yes" if emulated else "no"},
            )

        return Entry(
            [*place.tools(), *pins, *words, *server],
            inside,
            settle,
            freeze=lambda: monitor.execute("stop"),  # QEMU's own stop: the guest's clock stands still with it
            thaw=lambda: monitor.execute("cont"),
            save=lambda: save(monitor, place),
            load=lambda: load(monitor, place),
            control=None if place.depth else Control(place, monitor, disk),
            pin=lambda pid: pinning.pin(pid, place.cpus),
            image=lambda: (place.disk, *self.boot_files(place)),
            hello_seconds=accelerator.patience(kind, place),
            patience=0,  # a guest's disks are passing, so there is nothing to wait for
        )

    def boot_files(self, place: Place) -> tuple[str, str]:
        """Return the kernel and the initramfs that the guest boots from."""
        return boot.kernel_file(place, self.kernel), self.initramfs or place.initramfs


def command(hop: Qemu, place: Place, settings: Settings, kind: str, kernel: str, initrd: str, disk: str) -> list[str]:
    """Return QEMU's command line without its network."""
    shape = machine(hop.machine, place, settings)
    append = [*COMMON, *(emulated(shape) if kind == "tcg" else []), *mitigations()]
    return [
        *(hop.qemu or EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *pinning.NAMED,
        *("-machine", shape, "-accel", kind, "-cpu", MODEL[kind], "-smp", str(settings.cpus)),
        *memory(place.ram, settings.memory // 2**20, hop.hugepages),
        *("-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
        *("-chardev", "file,id=console,path=/proc/self/fd/2", "-device", "isa-serial,chardev=console"),
        *disks(DISKS[hop.disk], place.disk, disk),
        *slots(hop.slots),
        *("-kernel", kernel, "-initrd", initrd, "-append", " ".join(append)),
    ]


def card(kind: str, place: Place, wire: Wire | None) -> list[str]:
    """Return the options of a network card on a wire."""
    if wire is None:
        return []
    vhost = ""
    if wire.kind == "tap" and kind == "virtio-net":
        vhost = f",vhost={'on' if not place.depth and Path('/dev/vhost-net').exists() else 'off'}"
    device = f"{CARDS[kind].device},netdev=net,mac={mac_address(place)},romfile="
    return ["-netdev", f"{wire.backend},id=net{vhost}", "-device", device]


def emulated(shape: str) -> list[str]:
    """Return the kernel parameters of a guest under TCG; a microvm is told the rate of its counter, which is ours."""
    rate = tsc.kilohertz() if shape == MACHINES["microvm"] else None
    return [*EMULATED, *([f"tsc_early_khz={rate}"] if rate else [])]


def mitigations() -> list[str]:
    """Return the host's own choice of mitigations as kernel parameters: a measured guest follows it."""
    words = Path("/proc/cmdline").read_text().split()
    return [word for word in words if word in MITIGATIONS]


def data_disk(place: Place) -> str:
    """Return the disk for the jobs' data: the outer guest's own device, or a new ext4 file on the host's disk."""
    if place.data.startswith("/dev/"):
        return place.data
    disk = f"{place.data}/disk.ext4"
    place.run(["env", FORMAT_TIME, "mke2fs", *FORMAT, disk, DATA_SIZE])
    return disk


def settle(place: Place) -> None:
    """Mount the data disk and bring up the network, so that jobs find what they find everywhere."""
    place.shell(SETTLE, READ_AHEAD, place.data, NIC, place.card, place.address, place.gateway)
