"""arm64 on another machine, by QEMU's emulation.

Both ways run an arm64 image, which has other binaries than bare: no ratio to bare is formed (kernel.arch voids it), and
every cell says which image it is of.
"""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import ClassVar

from vbench.image import Image, foreign, newest
from vbench.model import Missing
from vbench.targets import bare
from vbench.targets import qemu_boot as boot
from vbench.targets.emulation import KIND, LABEL, Board, guest
from vbench.targets.hop import Entry
from vbench.targets.options import one_of, option
from vbench.targets.place import Place, Settings, with_kind_of
from vbench.targets.qemu import mitigations

ARCHITECTURE = "arm64"
EMULATOR = "qemu-system-aarch64"
PROCESSORS = ("cortex-a53", "cortex-a72", "max")
APPEND = ["console=ttyAMA0", "quiet", "panic=-1", "cryptomgr.notests", "audit=0", "lsm="]


@dataclass(frozen=True)
class Arm64User:
    """As bare, with every program of the image run by QEMU's user mode on this machine's kernel."""

    name: ClassVar[str] = "arm64-user"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = (KIND,)

    @property
    def image(self) -> Image | None:
        """The image that it takes unless another is named."""
        return newest(ARCHITECTURE)

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU's user mode, an arm64 image, root, and Linux 6.7 or a handler of arm64 programs in binfmt_misc."""
        return lacking(outer, self.image, foreign.lacking(ARCHITECTURE))

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter the root where the kernel hands its programs to the emulator."""
        place = with_kind_of(place, self.image)
        place = replace(place, labels=(*place.labels, LABEL), accelerators=(*place.accelerators, KIND))
        return bare.rooted(place, settings, stack, bare.command(place), foreign.emulating(ARCHITECTURE))


@dataclass(frozen=True)
class Arm64:
    """A whole guest with virtio devices and a kernel of its own."""

    name: ClassVar[str] = "arm64"
    takes_devices: ClassVar[bool] = False
    accelerators: ClassVar[tuple[str, ...]] = (KIND,)
    cpu: str = option("cortex-a72", one_of("processor", PROCESSORS), f"what is emulated: {', '.join(PROCESSORS)}")

    @property
    def image(self) -> Image | None:
        """The image that it takes unless another is named."""
        return newest(ARCHITECTURE, "vmlinux")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """QEMU's emulator of that architecture, and an arm64 image with a kernel."""
        here = [] if shutil.which(EMULATOR) else [Missing(EMULATOR, "apt-get install qemu-system-arm")]
        return lacking(outer, self.image, here)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Make the guest's initramfs and devices; return QEMU's argv."""
        place = with_kind_of(place, self.image)
        initrd = boot.initramfs(place, place.initramfs)
        board = Board(EMULATOR, "virt", self.cpu, ("-serial", "chardev:console"), settings.memory // 2**20)
        boots = ["-kernel", place.kernel, "-initrd", initrd, "-append", " ".join([*APPEND, *mitigations()])]
        return guest(board, boots, place, settings, stack, image=(place.kernel, place.initramfs))


def lacking(outer: tuple[str, ...], image: Image | None, here: list[Missing]) -> list[Missing]:
    """Return what lacks `here`, and the image where there is none."""
    if outer:
        return [Missing(f"an {ARCHITECTURE} image inside of '{outer[-1]}'", f"name {ARCHITECTURE} first in the path")]
    build = f"vbench image build --architecture {ARCHITECTURE}"
    return here if image else [*here, Missing(f"an {ARCHITECTURE} image", build)]


EMULATED = (Arm64User(), Arm64())
