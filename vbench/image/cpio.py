"""The newc cpio archive, the form in which a kernel takes its initramfs (Linux, early-userspace/buffer-format.rst).

A kernel unpacks concatenated archives one after another, so an archive can be completed by appending a second one.
"""

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_BLOCK = 512


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its name without a leading slash, its whole mode, its bytes (a link's target)."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(name: str, data: bytes, permissions: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(name, stat.S_IFREG | permissions, data)


def folder(name: str) -> Entry:
    """Return a folder that all may enter and root may change."""
    return Entry(name, stat.S_IFDIR | 0o755)


def archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive of the entries, each after the folders that it lies in, padded to 512 bytes.

    The same entries give the same bytes: every owner is root, every time 0, inodes count from 1.
    """
    records = [_record(inode, entry) for inode, entry in enumerate(_with_parents(entries), 1)]
    whole = b"".join([*records, _record(0, Entry("TRAILER!!!", 0))])
    return _pad(whole, _BLOCK)


def _with_parents(entries: Iterable[Entry]) -> Iterator[Entry]:
    seen: set[str] = set()
    for entry in entries:
        for parent in reversed(PurePosixPath(entry.name).parents[:-1]):
            if str(parent) not in seen:
                seen.add(str(parent))
                yield folder(str(parent))
        if entry.name not in seen:
            seen.add(entry.name)
            yield entry


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device major and minor, rdev major and minor, name size, checksum
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _pad(header + name, 4) + _pad(entry.data, 4)


def _pad(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)
