"""Xen in an image: its tools, the modules that a dom0 needs, and the hypervisor as QEMU boots it."""

import gzip
import re
import tarfile
from pathlib import Path

from vbench.image.recipe import Recipe

PACKAGES = ("xen-system-amd64",)
KERNEL = "linux-image-amd64"  # Debian's cloud kernel is no dom0
MODULES = ("xen_evtchn", "xen_privcmd", "xenfs", "xen_gntdev", "xen_gntalloc", "xen_blkback", "xen_netback")
_FILE = re.compile(r"(\./)?boot/xen-[0-9.]+-amd64\.gz")


def with_xen(recipe: Recipe) -> Recipe:
    """Return a recipe whose image holds Xen beside what it held."""
    more = {
        "packages": (*recipe.packages, *PACKAGES),
        "generic": recipe.generic or KERNEL,
        "generic_modules": (*recipe.generic_modules, *MODULES),
    }
    return Recipe.model_validate(recipe.model_dump() | more)


def hypervisor(tar: Path) -> bytes | None:
    """Return the hypervisor in a root's tar, unpacked, for QEMU's multiboot loader takes no gzip; None without one."""
    with tarfile.open(tar, "r:") as archive:
        for info in archive:
            if _FILE.fullmatch(info.name) and (file := archive.extractfile(info)):
                return gzip.decompress(file.read())
    return None
