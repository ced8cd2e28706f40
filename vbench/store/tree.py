"""Recorded trees as if they were machines: a folder or an archive in which no link leads out and nothing is endless."""

import gzip
import os
import posixpath
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from errno import EINVAL, ELOOP, ENOENT, ENOTDIR
from pathlib import Path
from typing import IO, Any, Protocol
from zlib import error as ZlibError  # noqa: N812 - it is an exception

from vbench.errors import HostError, InputError

MOST_LINKS = 40  # as Linux follows
MOST_NAMES = 100_000  # of one folder, and members of one archive
ARCHIVE_BYTES = 512 * 1024 * 1024  # unpacked; what lies beyond is left unread
KEPT_BYTES = 64 * 1024 * 1024
FILE_BYTES = 256 * 1024
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
MARKS = ("vbench-snapshot.json", "proc", "sys")


class Tree(Protocol):
    """A tree whose entries are looked at one by one, never through a link. Paths are absolute and normal."""

    def kind(self, path: str) -> str | None:
        """Return file, folder, link, or None for what is neither or not there."""

    def names(self, path: str) -> list[str]:
        """Return the names inside a folder."""

    def target(self, path: str) -> str:
        """Return where a link points."""

    def contents(self, path: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a file."""


@dataclass(frozen=True)
class Folder:
    """A tree on this machine's disk."""

    root: Path

    def _real(self, path: str) -> str:
        return str(self.root) + path

    def kind(self, path: str) -> str | None:
        """Return file, folder, link or None (see Tree)."""
        try:
            mode = os.lstat(self._real(path)).st_mode
        except (OSError, ValueError):
            return None
        tests = ((stat.S_ISLNK, "link"), (stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"))
        return next((kind for test, kind in tests if test(mode)), None)

    def names(self, path: str) -> list[str]:
        """Return the names inside a folder, at most MOST_NAMES of them."""
        found: list[str] = []
        with os.scandir(self._real(path)) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) >= MOST_NAMES:
                    break
        return found

    def target(self, path: str) -> str:
        """Return where a link points."""
        return str(Path(self._real(path)).readlink())

    def contents(self, path: str, limit: int) -> bytes:
        """Return up to `limit` bytes; O_NONBLOCK and O_NOFOLLOW in case the entry is no longer what it was."""
        handle = os.open(self._real(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read(limit) if stat.S_ISREG(os.fstat(handle).st_mode) else b""


@dataclass
class Packed:
    """A tree from an archive, held in memory within the bounds above."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: dict[str, set[str]] = field(default_factory=lambda: {"/": set()})

    def add(self, path: str) -> None:
        """Enter a path into the folders above it."""
        while path != "/":
            path, name = posixpath.split(path)
            self.folders.setdefault(path, set()).add(name)

    def kind(self, path: str) -> str | None:
        """Return file, folder, link or None (see Tree)."""
        for kind, entries in (("file", self.files), ("link", self.links), ("folder", self.folders)):
            if path in entries:
                return kind
        return None

    def names(self, path: str) -> list[str]:
        """Return the names inside a folder."""
        return sorted(self.folders.get(path, ()))

    def target(self, path: str) -> str:
        """Return where a link points."""
        return self.links[path]

    def contents(self, path: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a file."""
        return self.files[path][:limit]


@dataclass(frozen=True)
class Confined:
    """A tree with its links followed, and kept inside: a link to / or over the top ends at the tree's own root."""

    tree: Tree
    base: str = ""

    def resolve(self, path: str, *, last: bool = True) -> str:
        """Return the place that a path means; the last step's link is followed too unless told not to."""
        steps, at, links = [step for step in path.split("/") if step][::-1], self.base or "/", 0
        while steps:
            step = steps.pop()
            if step in (".", ".."):
                at = at if step == "." or at == (self.base or "/") else posixpath.dirname(at)
                continue
            here = posixpath.join(at, step)
            kind = self.tree.kind(here)
            if kind is None:
                raise OSError(ENOENT, os.strerror(ENOENT), path)
            if kind == "link" and (steps or last):
                links += 1
                if links > MOST_LINKS:
                    raise OSError(ELOOP, os.strerror(ELOOP), path)
                target = self.tree.target(here)
                at = (self.base or "/") if target.startswith("/") else at
                steps += [part for part in target.split("/") if part][::-1]
            elif kind == "file" and steps:
                raise OSError(ENOTDIR, os.strerror(ENOTDIR), path)
            else:
                at = here
        return at

    def names(self, path: str) -> list[str]:
        """Return the names inside a folder."""
        place = self.resolve(path)
        if self.tree.kind(place) != "folder":
            raise OSError(ENOTDIR, os.strerror(ENOTDIR), path)
        return self.tree.names(place)

    def contents(self, path: str, limit: int) -> bytes:
        """Return up to `limit` bytes of a file."""
        place = self.resolve(path)
        if self.tree.kind(place) != "file":
            raise OSError(EINVAL, os.strerror(EINVAL), path)
        return self.tree.contents(place, limit)

    def target(self, path: str) -> str:
        """Return where a link points, as it is written."""
        place = self.resolve(path, last=False)
        if self.tree.kind(place) != "link":
            raise OSError(EINVAL, os.strerror(EINVAL), path)
        return self.tree.target(place)

    def exists(self, path: str) -> bool:
        """Whether a path leads to anything."""
        try:
            return bool(self.resolve(path, last=False))
        except OSError:
            return False


def opened(path: Path) -> Confined:
    """Return the tree at a path: a folder, or a tar that may be packed with gzip or zstd. Raises InputError."""
    tree: Tree
    if path.is_dir():
        tree = Folder(path.resolve())
    elif path.is_file():
        tree = _unpack(path)
    else:
        raise InputError(f"'{path}' is neither a folder nor a tar archive.", "Name what `vbench probe --save` wrote.")
    return Confined(tree, _base(tree))


def _base(tree: Tree) -> str:
    """Return the single folder that holds everything, where an archive was made of a named folder, else nothing."""
    names = tree.names("/")
    if len(names) == 1 and names[0] not in MARKS and tree.kind(f"/{names[0]}") == "folder":
        inner = tree.names(f"/{names[0]}")
        return f"/{names[0]}" if any(mark in inner for mark in MARKS) else ""
    return ""


def _unpack(path: Path) -> Packed:
    packed = Packed()
    members = 0
    try:
        with _stream(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                members += 1
                _take(archive, member, packed)
                if members >= MOST_NAMES or sum(map(len, packed.files.values())) >= KEPT_BYTES:
                    break
    except (tarfile.TarError, EOFError, ZlibError, OSError, ValueError, OverflowError, RecursionError) as error:
        if not members:
            remedy = "Give a folder, or a tar that is plain or packed with gzip or zstd."
            raise InputError(f"'{path}' is not a tar archive: {error}.", remedy) from None
    return packed  # of a torn archive, what came before the tear


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, packed: Packed) -> None:
    path = posixpath.normpath("/" + member.name.lstrip("/"))  # normpath clamps .. at the root
    if "\0" in path or path == "/" or packed.kind(path) not in (None, "folder"):
        return
    if member.isreg():
        source = archive.extractfile(member)
        packed.files[path] = source.read(FILE_BYTES) if source else b""
    elif member.issym():
        packed.links[path] = member.linkname
    elif member.isdir():
        packed.folders.setdefault(path, set())
    else:
        return
    packed.add(path)


def zstd(data: bytes, path: Path) -> None:
    """Write some bytes packed with zstd. Raises HostError without the command, OSError where the disk refuses."""
    try:
        with path.open("wb") as file:
            subprocess.run(["zstd", "--quiet", "--stdout"], input=data, stdout=file, check=True)
    except FileNotFoundError:
        path.unlink(missing_ok=True)
        raise _no_zstd() from None


def _no_zstd() -> HostError:
    return HostError("The command 'zstd' is missing.", "Install it (apt install zstd), or use gzip.")


class _Bounded:
    """A stream that ends after so many bytes, so that a bomb goes off in small."""

    def __init__(self, source: IO[bytes], room: int) -> None:
        self.source = source
        self.room = room

    def read(self, size: int) -> bytes:
        data = self.source.read(min(size, self.room))
        self.room -= len(data)
        return data


@contextmanager
def _stream(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == ZSTD:
            with _unzstd(path) as source:
                yield _Bounded(source, ARCHIVE_BYTES)
        elif magic.startswith(GZIP):
            with gzip.open(file) as source:
                yield _Bounded(source, ARCHIVE_BYTES)  # type: ignore[arg-type]
        else:
            yield _Bounded(file, ARCHIVE_BYTES)


@contextmanager
def _unzstd(path: Path) -> Iterator[IO[bytes]]:
    argv = ["zstd", "--decompress", "--stdout", "--quiet", "--memory=128MB"]
    try:
        with path.open("rb", buffering=0) as file:
            process = subprocess.Popen(argv, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise _no_zstd() from None
    with process:
        try:
            yield process.stdout  # type: ignore[misc]
        finally:
            with suppress(ProcessLookupError):
                process.kill()
