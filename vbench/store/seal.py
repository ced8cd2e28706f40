"""A bundle's seal: digests.json, the SHA-256 of every file, written at a run's end, so that a changed byte is found.

It is no signature: whoever can write the folder can seal it anew. `vbench verify` prints the seal's own digest, which
can be noted elsewhere.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from vbench.errors import InputError, StoreError

NAME = "digests.json"
SCHEMA = "vbench.digests/1"
DERIVED = "summary.json"  # the one file that a resumed run writes anew

What = Literal["changed", "longer", "missing", "unknown"]
_SAID: Mapping[What, str] = {
    "changed": "its bytes are not those that were sealed",
    "longer": "it went on after it was sealed; what was sealed is unchanged",
    "missing": "it was sealed and is gone",
    "unknown": "it was not there when the run was sealed",
}


@dataclass(frozen=True)
class Digest:
    """A file's size in bytes and its SHA-256 in hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Finding:
    """A file of a bundle, by its path inside it, and what is wrong with it."""

    file: str
    what: What

    def __str__(self) -> str:
        return f"{self.file}: {_SAID[self.what]}"


def seal(folder: Path) -> str:
    """Write digests.json over all files of a bundle; return the seal's own SHA-256.

    A bundle that was sealed before, and went on, must still begin with what was sealed. Raises InputError where it
    does not, StoreError where the disk refuses.
    """
    before = read(folder) or {}
    for finding in findings(folder, before, before.keys() - {DERIVED}):
        if finding.what != "longer":
            remedy = "Restore it from a copy: an edited run is not sealed anew."
            raise InputError(f"The run '{folder.name}' was changed after it was sealed: {finding}.", remedy)
    text = _text({name: _digest(folder / name) for name in sorted(files(folder))})
    fresh = folder / f".{NAME}"
    try:
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / NAME)
    except OSError as error:
        raise StoreError(f"The run '{folder.name}' cannot be sealed: {error.strerror}.", "Make room.") from None
    return hashlib.sha256(text.encode()).hexdigest()


def read(folder: Path) -> dict[str, Digest] | None:
    """Return the digests of a sealed bundle by path, None where there is no seal; InputError where it is damaged."""
    path = folder / NAME
    try:
        text = path.read_text()
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            remedy = "Use the vbench that made it."
            raise InputError(f"'{path}' has the schema '{document['schema']}', not '{SCHEMA}'.", remedy)
        found = {str(name): Digest(int(one["bytes"]), str(one["sha256"])) for name, one in document["files"].items()}
        if _text(found) == text:  # a changed byte is found here too, be it a blank
            return found
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise InputError(f"'{path}' is damaged.", "Restore the bundle from a copy.")


def own_digest(folder: Path) -> str:
    """Return the SHA-256 of the seal itself."""
    return _digest(folder / NAME).sha256


def touched(folder: Path, names: Iterable[str]) -> set[str]:
    """Return those of these files that may have changed since the seal was written, by the kernel's change time.

    No program can set that time, but a copy has a new one, and a clock that is set back lies: whoever must know
    compares the digests. A file that is gone counts as touched.
    """
    sealed = (folder / NAME).stat().st_mtime_ns
    return {name for name in names if not _older(folder / name, sealed)}


def _older(path: Path, moment: int) -> bool:
    try:
        return path.lstat().st_ctime_ns < moment
    except OSError:
        return False


def findings(folder: Path, sealed: Mapping[str, Digest], names: set[str] | None = None) -> Iterator[Finding]:
    """Yield what is wrong with the files of these names, or with all: those of the seal and those in the folder.

    Paths that stand in the seal are looked up among the files that are there, never opened.
    """
    there = files(folder)
    for name in sorted(there | sealed.keys() if names is None else names):
        if name not in there:
            yield Finding(name, "missing")
        elif name not in sealed:
            yield Finding(name, "unknown")
        elif (what := _compared(folder / name, sealed[name])) is not None:
            yield Finding(name, what)


def files(folder: Path) -> set[str]:
    """Return the paths of all that a bundle holds but the seal; links are listed and never followed."""
    found = {
        os.path.relpath(os.path.join(base, name), folder)  # noqa: PTH118 - ten thousand raw outputs are common
        for base, folders, names in os.walk(folder)
        for name in (*names, *(one for one in folders if os.path.islink(os.path.join(base, one))))  # noqa: PTH114, PTH118
    }
    return found - {NAME, f".{NAME}"}


def _text(digests: Mapping[str, Digest]) -> str:
    found = {name: asdict(digest) for name, digest in digests.items()}
    return json.dumps({"schema": SCHEMA, "files": found}, indent=1) + "\n"


def _compared(path: Path, sealed: Digest) -> What | None:
    if path.is_symlink() or not path.is_file():
        return "changed"
    if _digest(path, sealed.bytes) != sealed:
        return "changed"
    return "longer" if path.stat().st_size > sealed.bytes else None


def _digest(path: Path, size: int | None = None) -> Digest:
    """Return the digest of a file, or of its first `size` bytes."""
    if size is None:
        size = path.stat().st_size
    state, left = hashlib.sha256(), size
    with path.open("rb", buffering=0) as file:
        while left and (chunk := file.read(min(left, 2**20))):
            state.update(chunk)
            left -= len(chunk)
    return Digest(size - left, state.hexdigest())
