"""A QEMU guest with the agent as its init: q35, virtio devices, the image's own kernel, its console on our stderr."""

import hashlib
import platform
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vbench.image import cpio
from vbench.model import Missing
from vbench.targets import accelerator, pinning, pyz
from vbench.targets.hop import Entry
from vbench.targets.monitor import Monitor, load, save
from vbench.targets.network import add_tap, bridge_guest
from vbench.targets.options import file, one_of, option, program
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Ram, Settings, inner_place

EMULATOR = f"qemu-system-{platform.machine()}"
MODEL = {"kvm": "host", "tcg": "EPYC"}  # EPYC has SVM on; `max` boots a nested guest twice as slowly
COMMON = ["console=ttyS0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]
EMULATED = ["tsc=reliable", "no_timer_check"]  # TCG's timers fail calibration under load
MITIGATIONS = ("mitigations=off", "mitigations=auto,nosmt")
DATA_SIZE = "1G"
NIC = "eth0"
ROOT = "vda"
READ_AHEAD = "128"  # KiB, what Linux gives every disk; init.sh raises it while Python is read
UUID = "6d1c0a0e-7b5f-4f0e-9d7a-2f6b3c1e8a55"  # the same every time: a restored guest must find the disk it knew
NIC_DRIVER = "virtio_net"  # there is no udev in our guests, and no boot waits for a network
# One script, because in an emulated guest every exec costs .1 s.
SETTLE = f"""
echo "$1" >"/sys/block/$2/queue/read_ahead_kb"
mount -t ext4 "$3" /data
ip link set lo up
[ "$5" ] || exit 0
modprobe {NIC_DRIVER}
ip address add "$5" dev "$4"
ip link set "$4" up
until read -r carrier <"/sys/class/net/$4/carrier" && [ "$carrier" = 1 ]; do sleep 0.01; done
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
    kernel: str = option("", file, "the kernel's file, instead of the image's")
    initramfs: str = option("", file, "the initramfs, instead of the image's")
    qemu: str = option("", program, "the QEMU to run")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU here; inside a guest the image brings it, and the host must offer nesting where it runs KVM."""
        if not outer:
            return [] if shutil.which(EMULATOR) else [Missing(EMULATOR, "apt-get install qemu-system-x86")]
        return accelerator.missing_nesting()

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Make initramfs, data disk and tap in `place`; return QEMU's argv."""
        kind = accelerator.choose(place, self.accelerator or settings.accelerator)
        disk, initrd = data_disk(place), initramfs(place, self)
        nic = network_card(place, stack) if place.address else []
        monitor = Monitor(place.path("qmp"))
        words = command(self, place, settings, kind, initrd, disk) + nic
        pins = pinning.beside(place.cpus) if place.depth else []
        control = [] if place.depth else ["-qmp", f"unix:{monitor.path},server=on,wait=off"]
        stack.callback(monitor.close)

        def inside(pipe: Pipe) -> Place:
            return inner_place(
                place,
                pipe,
                disk="/dev/vda",
                data="/dev/vdb",
                disk_path=f"ext4 on virtio-blk (cache=none) on {place.disk_path}",
                network_path=f"virtio-net on tap on {place.network_path}",
                cpus=tuple(range(settings.cpus)),
                labels=(*place.labels, *(["emulated"] if kind == "tcg" else [])),
                accelerators=(*place.accelerators, kind),
            )

        return Entry(
            [*place.tools(), *pins, *words, *control],
            inside,
            settle,
            freeze=lambda: monitor.execute("stop"),  # QEMU's own stop: the guest's clock stands still with it
            thaw=lambda: monitor.execute("cont"),
            save=lambda: save(monitor, place),
            load=lambda: load(monitor, place),
            pin=lambda pid: pinning.pin(pid, place.cpus),
            image=lambda: (place.disk, *boot_files(place, self)),
            hello_seconds=accelerator.patience(kind, place),
            patience=0,  # a guest's disks are passing, so there is nothing to wait for
        )


def command(hop: Qemu, place: Place, settings: Settings, kind: str, initrd: str, disk: str) -> list[str]:
    """Return QEMU's command line without its network."""
    append = [*COMMON, *(EMULATED if kind == "tcg" else []), *mitigations()]
    return [
        *(hop.qemu or EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *pinning.NAMED,
        *("-machine", machine(place, settings), "-accel", kind, "-cpu", MODEL[kind], "-smp", str(settings.cpus)),
        *memory(place.ram, settings.memory // 2**20),
        *("-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
        *("-chardev", "file,id=console,path=/proc/self/fd/2", "-device", "isa-serial,chardev=console"),
        *(
            "-drive",
            f"file={place.disk},format=raw,if=none,id=root,readonly=on",
            "-device",
            "virtio-blk-pci,drive=root",
        ),
        *("-drive", f"file={disk},format=raw,if=none,id=data,cache=none", "-device", "virtio-blk-pci,drive=data"),
        *("-kernel", boot_files(place, hop)[0], "-initrd", initrd, "-append", " ".join(append)),
    ]


def machine(place: Place, settings: Settings) -> str:
    """Return the machine's type: one without firmware tables to walk where each access is an exit of two levels.

    A microvm finds its TSC's rate by a calibration that hangs under TCG, but KVM's clock tells an inner guest. One that
    is saved does not boot again, and more pairs with q35 inside came back quickly.
    """
    return "microvm,acpi=on,pcie=on,rtc=on" if place.depth and not settings.restored else "q35"


def memory(ram: Ram | None, size: int) -> list[str]:
    """Return the options of `size` MiB of memory; from a file it is shared while written and private when restored."""
    if ram is None:
        return ["-m", f"{size}M"]
    share = "off" if ram.restore else "on"
    backend = f"memory-backend-file,id=ram,size={size}M,mem-path={ram.memory},share={share}"
    incoming = ["-incoming", "defer"] if ram.restore else []
    return ["-m", f"{size}M", "-object", backend, "-machine", "memory-backend=ram", *incoming]


def mitigations() -> list[str]:
    """Return the host's own choice of mitigations as kernel parameters: a measured guest follows it."""
    words = Path("/proc/cmdline").read_text().split()
    return [word for word in words if word in MITIGATIONS]


def initramfs(place: Place, hop: Qemu) -> str:
    """Write the initramfs with the agent behind it: the kernel unpacks archives one after the other."""
    agent, whole = place.path("agent.cpio"), place.path("initrd")
    place.put(agent, cpio.archive([cpio.file("agent.pyz", pyz.pack()), cpio.file("start", pyz.start())]))
    place.shell('cat "$1" "$2" > "$3"', boot_files(place, hop)[1], agent, whole)
    return whole


def boot_files(place: Place, hop: Qemu) -> tuple[str, str]:
    """Return the kernel and the initramfs that a guest boots from."""
    return hop.kernel or place.kernel, hop.initramfs or place.initramfs


def data_disk(place: Place) -> str:
    """Return the disk for the jobs' data: the outer guest's own device, or a new ext4 file on the host's disk."""
    if place.data.startswith("/dev/"):
        return place.data
    disk = f"{place.data}/disk.ext4"
    place.run(["env", FORMAT_TIME, "mke2fs", *FORMAT, disk, DATA_SIZE])
    return disk


def network_card(place: Place, stack: ExitStack) -> list[str]:
    """Return the options of a virtio NIC on a tap of the place's bridge."""
    if place.depth:
        place.run(["modprobe", "-a", NIC_DRIVER, "tun"])
        bridge_guest(place, NIC)
    tap = add_tap(place, stack)
    number = hashlib.sha256(f"{place.address}/{place.depth}".encode()).hexdigest()
    mac = ":".join(["52:54:00", *(number[i : i + 2] for i in (0, 2, 4))])
    vhost = "on" if not place.depth and Path("/dev/vhost-net").exists() else "off"
    backend = f"tap,id=net,ifname={tap},script=no,downscript=no,vhost={vhost}"
    return ["-netdev", backend, "-device", f"virtio-net-pci,netdev=net,mac={mac},romfile="]


def settle(place: Place) -> None:
    """Mount the data disk and bring up the network, so that jobs find what they find everywhere."""
    place.shell(SETTLE, READ_AHEAD, ROOT, place.data, NIC, place.address)
