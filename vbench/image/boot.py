"""What a guest boots, put into the root: kernel, modules and initramfs, from Debian's kernel package."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vbench.errors import InputError
from vbench.image import initramfs, kernel, tools
from vbench.image.manifest import Kernel
from vbench.image.recipe import Recipe

INSIDE = "usr/lib/vbench"  # where an outer guest, too, finds kernel and initramfs for its nested guest


@dataclass(frozen=True)
class Package:
    """A kernel's package, unpacked into `tree`."""

    tree: Path
    vmlinuz: Path
    identity: Kernel


def unpack(package: str, debs: Path) -> Package:
    """Return the kernel among the downloaded packages, unpacked and indexed; raises InputError if none is there."""
    for deb in sorted(debs.rglob("*.deb")):
        tree = debs / "tree"
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
    vmlinux = kernel.vmlinux(unpacked.vmlinuz.read_bytes())
    with tarfile.open(tar, "a:", format=tarfile.PAX_FORMAT) as archive:
        merged = any(info.name == "./lib" and info.issym() for info in archive)
        home = f"./{'usr/' if merged else ''}lib/modules/{release}"
        members = [
            (f"./{INSIDE}/vmlinux", vmlinux),
            (f"./{INSIDE}/initramfs.cpio", first),
            (f"./boot/config-{release}", (unpacked.tree / f"boot/config-{release}").read_bytes()),
            *((f"{home}/{name}", data) for name, data in _files(unpacked.tree / "lib/modules" / release)),
        ]
        _append(archive, members, recipe.epoch)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():  # `build` and `source` point at headers that are not there
            yield str(path.relative_to(folder)), path.read_bytes()


def _append(archive: tarfile.TarFile, members: list[tuple[str, bytes]], epoch: int) -> None:
    """Add files that belong to root, and the folders that they lack, to a tar."""
    known = {name.rstrip("/") for name in archive.getnames()}
    for name, data in members:
        for parent in reversed(Path(name).parents):
            folder = tarfile.TarInfo(f"./{parent}")
            if folder.name not in known and parent != Path():
                known.add(folder.name)
                folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, epoch
                archive.addfile(folder)
        file = tarfile.TarInfo(name)
        file.size, file.mode, file.mtime = len(data), 0o644, epoch
        archive.addfile(file, io.BytesIO(data))


def member(tar: Path, name: str) -> bytes | None:
    """Return the bytes of a file in a tar, None if it is not there."""
    with tarfile.open(tar, "r:") as archive:
        for info in archive:
            if info.name.removeprefix("./") == name:
                file = archive.extractfile(info)
                return file.read() if file else None
    return None
