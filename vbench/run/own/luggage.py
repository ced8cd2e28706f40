"""Files and folders of the user's as one archive that travels into every target: the same bytes give the same archive.

Owners and times stay behind, and so does what tools leave in a source tree.
"""

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

from vbench.errors import InputError

LARGEST = 64 * 2**20  # bytes of all files together
MOST = 10_000  # files
LEFT_BEHIND = frozenset(
    {".git", ".hg", ".venv", ".tox", ".nox", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
)


def pack(things: Mapping[str, Path]) -> bytes:
    """Return a tar archive of files and folders under the names that they are to have.

    Raises InputError: something that cannot be read, that is no file, folder or link, or a link that leads out of its
    folder; more than `LARGEST` bytes or `MOST` files.
    """
    stream = io.BytesIO()
    size = count = 0
    try:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, path, root in _entries(things):
                entry = _entry(archive, name, path, root)
                size, count = size + entry.size, count + 1
                if size > LARGEST or count > MOST:
                    raise _too_much(things)
                with path.open("rb") if entry.isreg() else nullcontext() as file:
                    archive.addfile(entry, file)
    except OSError as error:
        named = error.filename or ", ".join(map(str, things.values()))
        raise InputError(f"'{named}' cannot be read: {error.strerror or error}.", "Give it, or name another.") from None
    return stream.getvalue()


def _too_much(things: Mapping[str, Path]) -> InputError:
    named = ", ".join(f"'{path}'" for path in things.values())
    limits = f"more than {LARGEST // 2**20} MiB or {MOST} files"
    return InputError(f"{named} holds {limits}.", "Bring less of it: a folder inside, or files by name.")


def _entries(things: Mapping[str, Path]) -> Iterator[tuple[str, Path, Path]]:
    """Yield what is to be packed in a fixed order: its name, its path, and the folder that links must not leave."""
    for name in sorted(things):
        top = things[name].resolve()  # what the user names may be a link
        yield name, top, top
        for folder, folders, files in os.walk(top, onerror=_refuse) if top.is_dir() else ():
            folders[:] = sorted(set(folders) - LEFT_BEHIND)
            for inner in sorted([*folders, *files]):
                path = Path(folder, inner)
                yield f"{name}/{path.relative_to(top)}", path, top


def _refuse(error: OSError) -> None:
    raise error


def _entry(archive: tarfile.TarFile, name: str, path: Path, root: Path) -> tarfile.TarInfo:
    entry = archive.gettarinfo(path, name)
    if entry is None or not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
        raise InputError(f"'{path}' is no file, folder or link.", "Bring a tree without it.")
    if entry.issym():
        _stays_inside(path, root)
    elif entry.islnk():  # a second name of the same file is packed as a file of its own
        entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def _stays_inside(path: Path, root: Path) -> None:
    if path.readlink().is_absolute() or not path.resolve().is_relative_to(root):
        raise InputError(f"The link '{path}' leads out of '{root}'.", "Bring a copy of what it leads to.")
