"""Plain chroot(8), which vbench's bare metal is already."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from vbench.model import Missing
from vbench.targets.bare import Bare
from vbench.targets.hop import Entry
from vbench.targets.place import Place, Settings


@dataclass(frozen=True)
class Chroot:
    """The hop `chroot`: the image's root, and no namespace but the mount namespace that leaves nothing behind.

    It adds nothing to bare: to have the image's binaries and libc, bare is a chroot itself, by the same command. So a
    row of it is one more A/A control, and `all` does not take it; it has its name because people look for it, and
    because it is a way into the image's root where another hop is around it: `kvm/chroot`.
    """

    name: ClassVar[str] = "chroot"
    takes_devices: ClassVar[bool] = False

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """util-linux and, without root, user namespaces."""
        return Bare().missing(outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter as bare does."""
        return Bare().enter(place, settings, stack)
