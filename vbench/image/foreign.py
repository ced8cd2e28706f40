"""Programs of a foreign architecture: who emulates them here, and how they are run as if they were our own."""

import os
import platform
import re
import shutil
import sys
from pathlib import Path

from vbench.errors import unknown
from vbench.model import Missing

EMULATORS = {"arm64": "qemu-aarch64-static"}  # by Debian's name of the architecture
PACKAGE = "qemu-user-static"
SINCE = (6, 7)  # the Linux in which a user namespace may have handlers of its own
NAMES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}  # Debian's for the kernel's, where they differ
HANDLERS = Path("/proc/sys/fs/binfmt_misc")
# An ELF file of 64 bits, its lowest byte first, that is a program or a shared object for the machine 183 (AArch64); the
# mask says which bits of that count: not the system's ABI, nor which of the two it is.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
FLAGS = "FPC"  # opened now, so that a chroot need not hold it; keeps argv[0]; takes the program's own credentials
ENTER = Path(__file__).with_name("userns.py")


def native() -> str:
    """Return Debian's name of this machine's architecture."""
    machine = platform.machine()
    return NAMES.get(machine, machine)


def lacking(architecture: str) -> list[Missing]:
    """Return what this machine lacks to run programs of a foreign architecture; InputError for an unknown one."""
    if architecture not in EMULATORS:
        raise unknown("architecture", architecture, [native(), *EMULATORS])
    if not shutil.which(EMULATORS[architecture]):
        return [Missing(EMULATORS[architecture], f"apt-get install {PACKAGE}")]
    if os.getuid():
        return [Missing("root", "run vbench as root")]
    if _kernel() < SINCE and not _registered(architecture):
        fix = "apt-get install binfmt-support, or boot Linux 6.7 or later"
        return [Missing(f"a handler of {architecture} programs", fix)]
    return []


def emulating(architecture: str) -> list[str]:
    """Return the argv prefix under which programs of a foreign architecture run.

    Before Linux 6.7 a handler is the whole machine's, and not for us to register: there the machine's own is used.
    """
    if _kernel() < SINCE:
        return []
    rule = f":vbench-{architecture}:M::{MAGIC}:{MASK}:{shutil.which(EMULATORS[architecture])}:{FLAGS}"
    return [sys.executable, "-I", "-S", str(ENTER), rule]


def _kernel() -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return tuple(map(int, found.groups())) if found else ()


def _registered(architecture: str) -> bool:
    return (HANDLERS / EMULATORS[architecture].removesuffix("-static")).exists()
