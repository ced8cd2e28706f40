"""What a guest boots, put into the root: kernel, modules and initramfs, from Debian's kernel package."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from vbench.errors import InputError
from vbench.image import initramfs, kernel, tarball, tools
from vbench.image.manifest import Kernel
from vbench.image.recipe import Recipe

INSIDE = "usr/lib/vbench"  # where an outer guest, too, finds kernel and initramfs for its nested guest
GENERIC = f"{INSIDE}/generic"  # where the second kernel is


@dataclass(frozen=True)
class Package:
    """A kernel's package, unpacked into `tree`."""

    tree: Path
    vmlinuz: Path
    identity: Kernel


def unpack(package: str, debs: Path) -> Package:
    """Return the kernel among the downloaded packages, unpacked and indexed; raises InputError if none is there."""
    for deb in sorted(debs.rglob(f"{package}/*.deb")):
        tree = deb.parent / "tree"
        tools.run(["dpkg-deb", "--extract", str(deb), str(tree)], package="dpkg")
        for vmlinuz in tree.glob("boot/vmlinu[xz]-*"):
            release = vmlinuz.name.split("-", 1)[1]
            if not (tree / "lib/modules").is_dir():  # packages since Debian 13 have it below /usr, depmod wants it here
                (tree / "lib").symlink_to("usr/lib")
            tools.run(["depmod", "-b", str(tree), release], package="kmod")
            fields = ["dpkg-deb", "--showformat=${Package} ${Version}", "--show", str(deb)]
            name, version = tools.run(fields, package="dpkg").split()
            return Package(tree, vmlinuz, Kernel(package=name, version=version, release=release))
    raise InputError(f"The package '{package}' holds no kernel.", "Correct 'kernel' in the recipe.")


def add(recipe: Recipe, tar: Path, unpacked: Package) -> None:
    """Append kernel, initramfs, modules and the kernel's configuration to the root's tar."""
    busybox = member(tar, "usr/bin/busybox") or member(tar, "bin/busybox")
    if not busybox:
        raise InputError("A guest needs busybox to start.", 'Add "busybox-static" to the recipe\'s packages.')
    release = unpacked.identity.release
    first = initramfs.build(unpacked.tree, release, recipe.modules, busybox)
    _append(tar, INSIDE, unpacked, recipe.epoch, {f"{INSIDE}/initramfs.cpio": first})


def add_generic(recipe: Recipe, tar: Path, unpacked: Package) -> None:
    """Append the second kernel, with no more of its modules than the recipe names and those need."""
    release = unpacked.identity.release
    kept = set(initramfs.in_order(unpacked.tree, release, recipe.generic_modules))
    for path in (unpacked.tree / "lib/modules" / release).rglob("*.ko*"):
        if path not in kept:
            path.unlink()
    tools.run(["depmod", "-b", str(unpacked.tree), release], package="kmod")
    _append(tar, GENERIC, unpacked, recipe.epoch, {})


def _append(tar: Path, where: str, unpacked: Package, epoch: int, more: dict[str, bytes]) -> None:
    """Append a kernel and its release to the folder `where` of a root; modules and configuration lie as in Debian."""
    release = unpacked.identity.release
    files = {
        f"{where}/vmlinux": kernel.vmlinux(unpacked.vmlinuz.read_bytes()),
        f"{where}/release": f"{release}\n".encode(),
        f"boot/config-{release}": (unpacked.tree / f"boot/config-{release}").read_bytes(),
        **more,
    }
    home = f"{_lib(tar)}/modules/{release}"
    modules = ((f"{home}/{name}", data) for name, data in _files(unpacked.tree / "lib/modules" / release))
    tarball.append(tar, chain(files.items(), modules), epoch)


def _lib(tar: Path) -> str:
    """Return where /lib leads to: a member must not pass through a symbolic link."""
    with tarfile.open(tar, "r:") as archive:
        return "usr/lib" if any(info.name == "./lib" and info.issym() for info in archive) else "lib"


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():  # `build` and `source` point at headers that are not there
            yield str(path.relative_to(folder)), path.read_bytes()


def member(tar: Path, name: str) -> bytes | None:
    """Return the bytes of a file in a tar, None if it is not there."""
    with tarfile.open(tar, "r:") as archive:
        for info in archive:
            if info.name.removeprefix("./") == name:
                file = archive.extractfile(info)
                return file.read() if file else None
    return None
