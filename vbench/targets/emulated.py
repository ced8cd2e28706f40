"""arm64 on another machine: a whole guest by QEMU's emulation, and the image's root under QEMU's user mode.

Both run an arm64 image, which has other binaries than bare: no ratio to bare is formed (kernel.arch voids it), and
every cell says which image it is of.
"""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import ClassVar

from vbench.image import Image, foreign, newest
from vbench.model import Missing
from vbench.targets import accelerator, bare
from vbench.targets import qemu_boot as boot
from vbench.targets.hop import Entry
from vbench.targets.monitor import Monitor
from vbench.targets.network import Wire, wire_up
from vbench.targets.options import one_of, option
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings, inner_place, with_kind_of
from vbench.targets.qemu import card, data_disk, mitigations, settle
from vbench.targets.qemu_devices import BY_ID, CARDS, DATA, DISKS, ROOT, disks, memory

ARCHITECTURE = "arm64"
EMULATOR = "qemu-system-aarch64"
PROCESSORS = ("cortex-a53", "cortex-a72", "max")
DISK, CARD = "virtio-blk", "virtio-net"
APPEND = ["console=ttyAMA0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]


@dataclass(frozen=True)
class Arm64User:
    """The hop `arm64-user`: as bare, with every program of the root run by QEMU's user mode on our kernel."""

    name: ClassVar[str] = "arm64-user"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = ("tcg",)

    @property
    def image(self) -> Image | None:
        """The image that it takes unless another is named."""
        return newest(ARCHITECTURE)

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU's user mode for arm64, a way to have the kernel start it, and an arm64 image."""
        return lacking(outer, self.image, foreign.lacking(ARCHITECTURE))

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter the root where the kernel hands its programs to the emulator."""
        place = emulated(place, self.image)
        return bare.rooted(place, settings, stack, bare.command(place), foreign.emulating(ARCHITECTURE))


@dataclass(frozen=True)
class Arm64:
    """The hop `arm64`: a whole guest with virtio devices, its processor emulated whatever this machine can do."""

    name: ClassVar[str] = "arm64"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = ("tcg",)
    cpu: str = option("cortex-a72", one_of("processor", PROCESSORS), f"the emulated one: {', '.join(PROCESSORS)}")

    @property
    def image(self) -> Image | None:
        """The image that it takes unless another is named."""
        return newest(ARCHITECTURE, "vmlinux")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU for whole arm64 machines, and an arm64 image."""
        here = [] if shutil.which(EMULATOR) else [Missing(EMULATOR, "apt-get install qemu-system-arm")]
        return lacking(outer, self.image, here)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Make initramfs, data disk and wire; return QEMU's argv."""
        place = emulated(place, self.image)
        disk, initrd = data_disk(place), boot.initramfs(place, place.initramfs)
        wire = wire_up(place, "", stack) if place.address else None
        monitor = Monitor(place.path("qmp"))
        stack.callback(monitor.close)
        words = [*self.command(place, settings, initrd, disk), *card(CARD, place, wire)]

        def inside(pipe: Pipe) -> Place:
            return guest(place, settings, wire, pipe)

        return Entry(
            [*place.tools(), *words, "-qmp", f"unix:{monitor.path},server=on,wait=off"],
            inside,
            settle,
            freeze=lambda: monitor.execute("stop"),
            thaw=lambda: monitor.execute("cont"),
            image=lambda: (place.disk, place.kernel, place.initramfs),
            hello_seconds=accelerator.patience("tcg", place),
            patience=0,
        )

    def command(self, place: Place, settings: Settings, initrd: str, disk: str) -> list[str]:
        """Return QEMU's command line without its network."""
        return [
            *(EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "virt", "-accel", "tcg", "-cpu", self.cpu, "-smp", str(settings.cpus)),
            *memory(None, settings.memory // 2**20),
            *("-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"),
            *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
            *("-chardev", "file,id=console,path=/proc/self/fd/2", "-serial", "chardev:console"),
            *disks(DISKS[DISK], place.disk, disk),
            *("-kernel", place.kernel, "-initrd", initrd, "-append", " ".join([*APPEND, *mitigations()])),
        ]


def lacking(outer: tuple[str, ...], image: Image | None, here: list[Missing]) -> list[Missing]:
    """Return what lacks `here`, and the image where there is none."""
    if outer:
        return [Missing(f"an {ARCHITECTURE} image inside of '{outer[-1]}'", f"name {ARCHITECTURE} first in the path")]
    build = f"vbench image build --architecture {ARCHITECTURE}"
    return here if image else [*here, Missing(f"an {ARCHITECTURE} image", build)]


def emulated(place: Place, image: Image | None) -> Place:
    """Return the place with an image of the architecture, all that runs in it being emulated."""
    labels, accelerators = (*place.labels, "emulated"), (*place.accelerators, "tcg")
    return replace(with_kind_of(place, image), labels=labels, accelerators=accelerators)


def guest(place: Place, settings: Settings, wire: Wire | None, pipe: Pipe) -> Place:
    """Return the inside of the guest."""
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
    )


EMULATED = (Arm64User(), Arm64())
