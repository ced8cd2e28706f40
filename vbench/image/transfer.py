"""An image as one file, to carry to a server without a network. What comes in is untrusted."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from vbench import paths
from vbench.errors import HostError, InputError
from vbench.image import disk, store
from vbench.image.builder import derive, settle
from vbench.image.integrity import check
from vbench.image.manifest import MAX_MANIFEST, Manifest
from vbench.image.store import Image

_ZSTD = b"\x28\xb5\x2f\xfd"
_CHUNK = 2**20


def export(image: Image, file: Path) -> None:
    """Write manifest and rootfs.tar to a tar, packed with zstd if its name ends in .zst; all else is derived again."""
    check(image)
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out, _packed(out, by_zstd=file.suffix == ".zst") as stream:
            _send(image, stream)
        part.replace(file)
    except OSError as error:
        raise HostError(f"'{file}' cannot be written: {error.strerror}.", "Name another file.") from error
    finally:
        part.unlink(missing_ok=True)


def _send(image: Image, stream: IO[bytes]) -> None:
    manifest = image.manifest.model_dump_json(indent=1, by_alias=True).encode()
    member = tarfile.TarInfo("manifest.json")
    member.size = len(manifest)
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.addfile(member, io.BytesIO(manifest))
        archive.add(image.tar, "rootfs.tar")


def import_(file: Path) -> Image:
    """Return the image in an exported file; raises InputError for whatever does not fit its manifest."""
    with _opened(file) as stream, store.workshop() as shop:
        new = shop.folder / "image"
        new.mkdir()
        manifest = _receive(stream, new / "rootfs.tar", file)
        files = derive(new, manifest.epoch)
        wrong = [name for name in files.keys() | manifest.files.keys() if files.get(name) != manifest.files.get(name)]
        if wrong == ["root.ext4"] and manifest.mke2fs != disk.version():
            wrong = []  # another mke2fs lays out the same files in its own way
        if wrong:
            raise _refused(file, f"{wrong[0]} does not match the manifest")
        return settle(shop, manifest.model_copy(update={"files": files, "mke2fs": disk.version()}))


def _receive(stream: IO[bytes], tar: Path, file: Path) -> Manifest:
    """Write an export's rootfs.tar to `tar` and return its manifest, the two being of one digest."""
    bounded = _Bounded(stream, MAX_MANIFEST)
    try:
        with tarfile.open(fileobj=bounded, mode="r|", bufsize=_CHUNK) as archive:  # type: ignore[call-overload]
            manifest = Manifest.model_validate_json(_member(archive, "manifest.json").read())
            size = manifest.files["rootfs.tar"].size
            _want_space(size)
            bounded.left += size + MAX_MANIFEST
            with _member(archive, "rootfs.tar") as source, tar.open("wb") as out:
                shutil.copyfileobj(source, out, _CHUNK)
    except (tarfile.TarError, ValidationError, KeyError, EOFError) as error:
        reason = "its manifest is wrong" if isinstance(error, (ValidationError, KeyError)) else str(error)
        raise _refused(file, reason) from None
    if store.record(tar) != manifest.files["rootfs.tar"] or store.record(tar).sha256 != manifest.digest:
        raise _refused(file, "rootfs.tar does not match the manifest")
    return manifest


class _Bounded:
    """A stream that ends the reading once more came out of it than was announced."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self.left, self._stream = left, stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError("it holds more than its manifest says")
        return data


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """Return the next member of a stream, which has to be the named file."""
    member = archive.next()
    source = archive.extractfile(member) if member and member.name == name and member.isreg() else None
    if source is None:
        raise tarfile.ReadError(f"it holds no {name} where that belongs")
    return source


def _want_space(size: int) -> None:
    """Tar, folder and disk each take the tar's size or a little more."""
    free = shutil.disk_usage(paths.images()).free
    if free < 4 * size:
        remedy = f"Free {4 * size / 1e9:.1f} GB, or set XDG_DATA_HOME to a folder that has them."
        raise HostError("There is no space left for the image.", remedy)


def _refused(file: Path, reason: str) -> InputError:
    return InputError(
        f"'{file}' is no image that can be trusted: {reason}.", "Export it again and compare the digests."
    )


@contextmanager
def _packed(out: IO[bytes], *, by_zstd: bool) -> Iterator[IO[bytes]]:
    """Lend a stream into `out`, through zstd or not; raises OSError if zstd fails."""
    if not by_zstd:
        yield out
        return
    with _zstd("-T0", stdin=subprocess.PIPE, stdout=out) as process:
        yield process.stdin or out
        process.communicate()
        if process.returncode:
            raise OSError(None, "zstd failed")


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    """Lend what is in a file, unpacked if it is packed with zstd."""
    try:
        opened = file.open("rb", buffering=0)  # zstd reads on from where our own reading ended
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror}.", "Name an exported image.") from None
    with opened:
        packed = opened.read(len(_ZSTD)) == _ZSTD
        opened.seek(0)
        if not packed:
            yield opened
            return
        with _zstd("-d", stdin=opened, stdout=subprocess.PIPE) as process:
            try:
                yield process.stdout or opened
            finally:
                process.kill()


def _zstd(option: str, stdin: IO[bytes] | int, stdout: IO[bytes] | int) -> subprocess.Popen[bytes]:
    try:
        argv = ["zstd", "-q", "-c", option]
        return subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise HostError("'zstd' is missing.", "apt-get install zstd") from None
