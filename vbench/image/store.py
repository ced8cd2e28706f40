"""Where images live: one folder a digest, complete or not there at all."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vbench import paths
from vbench.errors import HostError, InputError
from vbench.image import foreign, recipe
from vbench.image.boot import GENERIC, INSIDE
from vbench.image.manifest import FileName, FileRecord, Manifest

_PARTIAL = ".partial-"
_SHORT = 12


@dataclass(frozen=True)
class Image:
    """A complete image; `root` is its folder, and what is named here lies in it."""

    digest: str
    root: Path
    manifest: Manifest

    @property
    def short(self) -> str:
        """The twelve characters of the digest that people see."""
        return self.digest[:_SHORT]

    @property
    def rootfs(self) -> Path:
        """The root as a folder."""
        return self.root / "rootfs"

    @property
    def tar(self) -> Path:
        """The root as a tar, whose sha256 is the digest."""
        return self.root / "rootfs.tar"

    @property
    def disk(self) -> Path:
        """The root as an ext4 disk, to be attached read-only."""
        return self.root / "root.ext4"

    @property
    def kernel(self) -> Path:
        """The guest's kernel, an ELF file."""
        return self.rootfs / INSIDE / "vmlinux"

    @property
    def initramfs(self) -> Path:
        """The guest's initramfs, to which /agent.pyz is to be appended."""
        return self.rootfs / INSIDE / "initramfs.cpio"

    def file(self, name: FileName) -> Path:
        """Return where a file that the manifest records lies."""
        return {
            "rootfs.tar": self.tar,
            "root.ext4": self.disk,
            "vmlinux": self.kernel,
            "initramfs.cpio": self.initramfs,
            "vmlinux-generic": self.rootfs / GENERIC / "vmlinux",
            "xen": self.rootfs / INSIDE / "xen",
        }[name]


@dataclass(frozen=True)
class Workshop:
    """A folder in which an image comes to be, and the descriptor of the lock that guards it."""

    folder: Path
    lock: int


def images() -> list[Image]:
    """Return the complete images, the newest first."""
    folders = [folder for folder in paths.images().glob("[0-9a-f]*") if (folder / "manifest.json").is_file()]
    found = [image for folder in folders if (image := _open(folder))]
    return sorted(found, key=lambda image: (-image.manifest.created, image.digest))


def _open(folder: Path) -> Image | None:
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except (OSError, ValidationError):
        return None
    return Image(folder.name, folder, manifest) if folder.name == manifest.digest else None


def find(name: str | None = None) -> Image:
    """Return the image whose digest begins with `name`; None: the newest of the default recipe, else the newest.

    Without a name only those of this machine's architecture count. Raises HostError if there is none, InputError if
    `name` fits none or several.
    """
    known = [image for image in images() if name is not None or image.manifest.architecture == foreign.native()]
    if not known:
        raise HostError("There is no workload image.", "Run `vbench image build`, or `vbench image import FILE`.")
    if name is None:
        default = recipe.load().digest
        return next((image for image in known if image.manifest.recipe.digest == default), known[0])
    fitting = [image for image in known if name and image.digest.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(image.short for image in fitting or known)
    if fitting:
        raise InputError(f"'{name}' is the beginning of {len(fitting)} images.", f"Write more of one: {listed}.")
    raise InputError(f"There is no image '{name}'.", f"There are: {listed}. `vbench image build` builds another.")


def newest(architecture: str, file: FileName = "rootfs.tar") -> Image | None:
    """Return the newest image of an architecture, by Debian's name, that holds a file; None where there is none."""
    fitting = (one for one in images() if one.manifest.architecture == architecture and file in one.manifest.files)
    return next(fitting, None)


def remove(image: Image) -> None:
    """Remove an image; it is gone from the list at once, and from the disk a moment later."""
    with workshop() as shop:
        image.root.rename(shop.folder / "removed")


@contextmanager
def workshop(progress: Callable[[str], None] = print) -> Iterator[Workshop]:
    """Lend a folder beside the images, alone; whatever is left in it goes in the end.

    The lock lives as long as any process that inherited it, so a partial folder found under the lock is a dead
    builder's, even if that was killed: it is removed. Raises HostError where nothing can be written.
    """
    store = paths.images()
    with _translated(store):
        store.mkdir(parents=True, exist_ok=True)
        with (store / ".lock").open("w") as lock:
            _take(lock.fileno(), progress)
            for stale in store.glob(f"{_PARTIAL}*"):
                shutil.rmtree(stale)
            folder = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=store))
            try:
                yield Workshop(folder, lock.fileno())
            finally:
                shutil.rmtree(folder)


def _take(lock: int, progress: Callable[[str], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress("waiting for another vbench that works on the images")
        fcntl.flock(lock, fcntl.LOCK_EX)


@contextmanager
def _translated(store: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "Free 3 GB and see that you may write there, or set XDG_DATA_HOME to another folder."
        raise HostError(f"The images in '{store}' cannot be changed: {reason}.", remedy) from error


def adopt(shop: Workshop, manifest: Manifest) -> Image:
    """Make what lies in a workshop an image, in one rename; an older one of the same digest makes way."""
    new, place = shop.folder / "image", paths.images() / manifest.digest
    relabel(Image(manifest.digest, new, manifest), manifest)
    os.sync()
    if place.exists():
        place.rename(shop.folder / "replaced")
    new.rename(place)
    return Image(manifest.digest, place, manifest)


def relabel(image: Image, manifest: Manifest) -> Image:
    """Give an image another manifest of the same files."""
    new = image.root / ".manifest"
    new.write_text(manifest.model_dump_json(indent=1, by_alias=True) + "\n")
    new.replace(image.root / "manifest.json")
    return Image(image.digest, image.root, manifest)


def record(file: Path) -> FileRecord:
    """Return a file's size and sha256."""
    with file.open("rb") as opened:
        return FileRecord(size=file.stat().st_size, sha256=hashlib.file_digest(opened, "sha256").hexdigest())
