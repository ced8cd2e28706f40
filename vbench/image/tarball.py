"""rootfs.tar: what is in it, and its unpacking once it has been found harmless. An imported one is untrusted."""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vbench.errors import InputError
from vbench.image import tools

_BLOCK = 4096
_MAX_HEADER = 2**20  # bytes of one extended header; a name takes 4 KiB at most


@dataclass(frozen=True)
class Survey:
    """What a disk for a tar needs: `blocks` of 4 KiB, `inodes`, and who owns what root does not (name -> uid, gid)."""

    blocks: int
    inodes: int
    owners: dict[str, tuple[int, int]]


def survey(tar: Path) -> Survey:
    """Return what is in a tar; raises InputError where a member could reach outside the folder that it is unpacked in.

    Allowed are files, folders and links. No name is absolute, climbs with '..', holds a control character or passes
    through a symbolic link; nothing is sparse, so that the tar's size bounds what comes out of it.
    """
    links: set[str] = set()
    owners: dict[str, tuple[int, int]] = {}
    blocks = inodes = 0
    for member in _members(tar):
        name = _inside(member.name, links, tar)
        if member.issym():
            links.add(name)
        elif member.islnk():
            _inside(member.linkname, links, tar)
        elif member.issparse() or not (member.isreg() or member.isdir()):
            raise _hostile(tar, member.name, "is neither file, folder nor link")
        inodes += 1
        blocks += 1 + -(-member.size // _BLOCK)
        if member.uid or member.gid:
            owners[name] = (member.uid, member.gid)
    return Survey(blocks, inodes, owners)


def unpack(tar: Path, into: Path) -> None:
    """Unpack a surveyed tar. Root keeps its owners; what anybody else unpacks is theirs."""
    into.mkdir()
    # A folder gets its time last, for what was appended to the tar lies in folders that came long before.
    options = ["--preserve-permissions", "--numeric-owner", "--delay-directory-restore"]
    tools.run(["tar", "--extract", *options, "--directory", str(into), "--file", str(tar)], package="tar")


def append(tar: Path, files: Iterable[tuple[str, bytes | None]], epoch: int) -> None:
    """Add files that belong to root (None: a folder), and the folders that they lack, to a tar."""
    with tarfile.open(tar, "a:", format=tarfile.PAX_FORMAT) as archive:
        known = {name.removeprefix("./") for name in archive.getnames()}
        for name, data in files:
            parents = [str(parent) for parent in reversed(PurePosixPath(name).parents[:-1])]
            for folder in [*parents, name] if data is None else parents:
                if folder not in known:
                    known.add(folder)
                    archive.addfile(_owned(folder, tarfile.DIRTYPE, 0o755, epoch))
            if data is not None:
                file = _owned(name, tarfile.REGTYPE, 0o644, epoch)
                file.size = len(data)
                archive.addfile(file, io.BytesIO(data))


def _owned(name: str, kind: bytes, mode: int, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"./{name}")
    info.type, info.mode, info.mtime = kind, mode, epoch
    return info


class _Bounded(io.FileIO):
    """A tar that never reads a header of any size into memory: tarfile asks for one in a single read."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER:
            raise tarfile.ReadError("a header is too large")
        return super().read(size)


def _members(tar: Path) -> list[tarfile.TarInfo]:
    try:
        with _Bounded(tar) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            return archive.getmembers()
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise InputError(f"'{tar.name}' is no readable tar: {error}.", "Export the image again.") from None


def _inside(name: str, links: set[str], tar: Path) -> str:
    """Return a name without its leading './'."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _hostile(tar, name, "leads out of its folder")
    if not name.isprintable():
        raise _hostile(tar, name, "has a name that does not print")
    if not links.isdisjoint(str(part) for part in (path, *path.parents)):
        raise _hostile(tar, name, "passes through a symbolic link")
    return str(path)


def _hostile(tar: Path, name: str, why: str) -> InputError:
    return InputError(
        f"'{tar.name}' is refused: its member {name[:200]!r} {why}.", "Import only what `vbench image export` wrote."
    )
