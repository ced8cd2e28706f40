"""Xen and its dom0 in a guest that QEMU emulates, for machines that are no dom0."""

import posixpath
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from vbench.image import Image, foreign, newest
from vbench.model import Missing
from vbench.targets import qemu_boot as boot
from vbench.targets.bare import PATH
from vbench.targets.emulation import DISK, KIND, Board, guest
from vbench.targets.hop import Entry
from vbench.targets.pipe import Pipe
from vbench.targets.place import LIB, Place, Settings, with_kind_of
from vbench.targets.qemu import mitigations
from vbench.targets.qemu_devices import DISKS

EMULATOR = "qemu-system-x86_64"
# Where it may, Xen waits in MWAIT, which TCG does not wake from. To a guest's RDTSCP TCG gives the exit of RDTSC; Xen
# finds another instruction there than it was told, and the PVH guest dies.
PROCESSOR = "EPYC,-monitor,-rdtscp"
SERIAL = ("-device", "isa-serial,chardev=console")
DOM0 = 384  # MiB
OWN = 128  # MiB that Xen keeps
XEN = ["console=com1", "com1=115200,8n1", f"dom0_mem={DOM0}M,max:{DOM0}M", "reboot=no"]
# Without what TCG does not emulate, or what costs under TCG and guards against nothing there.
XEN += ["smap=0", "smep=0", "xpti=0", "spec-ctrl=0", "mwait-idle=0", "cpuidle=0"]
LINUX = ["console=hvc0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]
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
    """The agent is in dom0, which has 384 MiB; the rest of the memory is for a guest of Xen."""

    name: ClassVar[str] = "tcg-xen"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = (KIND,)

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
        """Make dom0's initramfs and devices; return QEMU's argv, which loads Xen, dom0's files being its modules."""
        place = with_kind_of(place, self.image)
        xen, dom0 = posixpath.join(place.rootfs, LIB, "xen"), boot.kernel(place, boot.GENERIC)
        modules = boot.modules_of(place, dom0, (*boot.ALWAYS, *DISKS[DISK].modules))
        initrd = boot.initramfs(place, place.initramfs, modules)
        board = Board(EMULATOR, "q35", PROCESSOR, SERIAL, settings.memory // 2**20 + OWN)
        linux = " ".join([dom0.file, *LINUX, *mitigations()])
        boots = ["-kernel", xen, "-append", " ".join(XEN), "-initrd", f"{linux},{initrd}"]
        return guest(board, boots, place, settings, stack, image=(xen, dom0.file, place.initramfs), ready=start_tools)


def start_tools(pipe: Pipe) -> None:
    """Start what xl needs in a dom0; it lives as long as the agent that started it, or what comes in its place."""
    argv = ["sh", "-ec", TOOLS, "sh", READY]
    pipe.start(argv, until=READY, timeout=TOOLS_SECONDS, env={"PATH": PATH}, cwd="/")
