"""Xen and its dom0 in a guest that QEMU emulates, for machines that are no dom0: the hop `tcg-xen`."""

import posixpath
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from vbench.image import Image, foreign, newest
from vbench.model import Missing
from vbench.targets import accelerator
from vbench.targets import qemu_boot as boot
from vbench.targets.bare import PATH
from vbench.targets.hop import Entry
from vbench.targets.monitor import Monitor
from vbench.targets.network import wire_up
from vbench.targets.pipe import Pipe
from vbench.targets.place import LIB, Place, Settings, inner_place, with_kind_of
from vbench.targets.qemu import card, data_disk, mitigations, settle
from vbench.targets.qemu_devices import BY_ID, CARDS, DATA, DISKS, ROOT, disks, memory

EMULATOR = "qemu-system-x86_64"
PROCESSOR = "EPYC,-monitor"  # Xen waits in MWAIT where it may, which TCG does not wake from
DOM0 = 384  # MiB
OWN = 128  # MiB that Xen keeps
XEN = ["console=com1", "com1=115200,8n1", f"dom0_mem={DOM0}M,max:{DOM0}M", "reboot=no"]
# Without what TCG does not emulate, or what costs under TCG and guards against nothing there.
XEN += ["smap=0", "smep=0", "xpti=0", "spec-ctrl=0", "mwait-idle=0", "cpuidle=0"]
LINUX = ["console=hvc0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]
DISK, CARD = "virtio-blk", "virtio-net"
# What makes a dom0 of it: devices, xenstore, and the daemon behind the guests' consoles. The root is read-only.
TOOLS = """
modprobe -a xen-evtchn xen-privcmd xenfs xen-gntdev xen-gntalloc xen-blkback xen-netback
mount -t xenfs xenfs /proc/xen
for folder in /var/lib/xen /var/log/xen /var/lib/xenstored; do
    [ ! -d "$folder" ] || mount -t tmpfs tmpfs "$folder"
done
mkdir -p /run/xen /run/xenstored /run/lock
PATH=$(echo /usr/lib/xen-[0-9]*/bin):$PATH
xenstored --no-fork &
until [ -S /run/xenstored/socket ]; do sleep 0.05; done
xen-init-dom0
xenconsoled --interactive &
echo "$1"
exec >/dev/null 2>&1
wait
"""
READY, TOOLS_SECONDS = "dom0 is ready", 60


@dataclass(frozen=True)
class TcgXen:
    """The hop `tcg-xen`: the agent is in dom0, which has DOM0 MiB; the rest of the memory is for a guest of Xen."""

    name: ClassVar[str] = "tcg-xen"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = ("tcg",)

    @property
    def image(self) -> Image | None:
        """The image that it takes unless another is named."""
        return newest(foreign.native(), "xen")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU, and an image with Xen."""
        if outer:
            return [Missing(f"an image with Xen inside of '{outer[-1]}'", f"name {self.name} first in the path")]
        here = [] if shutil.which(EMULATOR) else [Missing(EMULATOR, "apt-get install qemu-system-x86")]
        return here if self.image else [*here, Missing("an image with Xen", "vbench image build --xen")]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Make initramfs, data disk and wire; return QEMU's argv."""
        place = with_kind_of(place, self.image)
        dom0 = boot.kernel(place, boot.GENERIC)
        modules = boot.modules_of(place, dom0, (*boot.ALWAYS, *DISKS[DISK].modules))
        disk, initrd = data_disk(place), boot.initramfs(place, place.initramfs, modules)
        wire = wire_up(place, "", stack) if place.address else None
        monitor = Monitor(place.path("qmp"))
        stack.callback(monitor.close)
        words = [*command(place, settings, dom0.file, initrd, disk), *card(CARD, place, wire)]

        def inside(pipe: Pipe) -> Place:
            pipe.start(
                ["sh", "-ec", TOOLS, "sh", READY], until=READY, timeout=TOOLS_SECONDS, env={"PATH": PATH}, cwd="/"
            )
            return inner_place(
                place,
                pipe,
                disk=f"{BY_ID}/{ROOT}",
                data=f"{BY_ID}/{DATA}",
                disk_path=f"ext4 on {DISK} (cache=none) on {place.disk_path}",
                network_path=f"{CARD} on {wire.kind if wire else 'nothing'} on {place.network_path}",
                address=wire.address if wire else "",
                gateway=wire.gateway if wire else "",
                card=CARDS[CARD].module,
                cpus=tuple(range(settings.cpus)),
                labels=(*place.labels, "emulated"),
                accelerators=(*place.accelerators, *self.accelerators),
            )

        return Entry(
            [*place.tools(), *words, "-qmp", f"unix:{monitor.path},server=on,wait=off"],
            inside,
            settle,
            freeze=lambda: monitor.execute("stop"),
            thaw=lambda: monitor.execute("cont"),
            image=lambda: (place.disk, xen_file(place), dom0.file),
            hello_seconds=accelerator.patience("tcg", place),
            patience=0,
        )


def xen_file(place: Place) -> str:
    """Return the hypervisor of the place's image."""
    return posixpath.join(place.rootfs, LIB, "xen")


def command(place: Place, settings: Settings, dom0: str, initrd: str, disk: str) -> list[str]:
    """Return QEMU's command line without its network: Xen is loaded by multiboot, with dom0's files as its modules."""
    linux = " ".join([*LINUX, *mitigations()])
    return [
        *(EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", "tcg", "-cpu", PROCESSOR, "-smp", str(settings.cpus)),
        *memory(None, settings.memory // 2**20 + OWN),
        *("-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
        *("-chardev", "file,id=console,path=/proc/self/fd/2", "-device", "isa-serial,chardev=console"),
        *disks(DISKS[DISK], place.disk, disk),
        *("-kernel", xen_file(place), "-append", " ".join(XEN), "-initrd", f"{dom0} {linux},{initrd}"),
    ]
