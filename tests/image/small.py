"""Images of a few kilobytes, made by the same steps as real ones but for mmdebstrap."""

import io
import tarfile
from pathlib import Path

import vbench.image
from vbench import paths
from vbench.image import builder, disk, store
from vbench.image.boot import INSIDE
from vbench.image.manifest import Manifest, RecipeRecord
from vbench.image.store import Image

EPOCH = 1_700_000_000
FILES = {f"{INSIDE}/vmlinux": b"kernel", f"{INSIDE}/initramfs.cpio": b"initramfs", "etc/shadow": b"secret"}


def write_tar(file: Path, files: dict[str, bytes]) -> None:
    """Write a root's tar; etc/shadow belongs to group 42, as on Debian."""
    folders = {f"./{parent}" for name in files for parent in Path(name).parents if parent != Path()}
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ["./", *sorted(folders)]:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, EPOCH
            archive.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mode, info.mtime = len(data), 0o640, EPOCH - 5
            info.gid = 42 if name == "etc/shadow" else 0
            archive.addfile(info, io.BytesIO(data))


def make(content: bytes = b"", *, created: float = 1.0, recipe: str = "0" * 64) -> Image:
    """Put an image with `content` in it into the store."""
    with store.workshop() as shop:
        new = shop.folder / "image"
        new.mkdir()
        write_tar(new / "rootfs.tar", FILES | {"content": content})
        files = builder.derive(new, EPOCH)
        manifest = Manifest(
            digest=files["rootfs.tar"].sha256, created=created, recipe=RecipeRecord(settings="{}", digest=recipe),
            suite="bookworm", architecture="amd64", epoch=EPOCH, packages={"fio": "3"}, kernel=None,
            mke2fs=disk.version(), files=files,
        )  # fmt: skip
        return builder.settle(shop, manifest)


def store_is_clean() -> bool:
    """Say whether nothing half-made lies among the images."""
    known = {image.digest for image in vbench.image.images()} | {".lock"}
    return {path.name for path in paths.images().iterdir()} == known
