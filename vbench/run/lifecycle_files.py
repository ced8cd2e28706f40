"""The files that a start reads: how much disk they take, and how to make the page cache forget them.

They are dropped one by one by posix_fadvise(2), never all that the host has cached. What a running process has mapped
stays, and so do the names and the sizes of files. Whether a start was cold is seen by what it fetched from the disk.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from vbench.errors import HostError
from vbench.targets.spawn import run

BLOCK = 512  # bytes of a block in stat(2)
_LIBRARY = re.compile(r"(?:=>|^)\s*(/\S+) \(0x", re.MULTILINE)


def allocated(paths: Iterable[str]) -> int:
    """Return the bytes of disk behind files and folders; a file of many names counts once."""
    found = {(about.st_dev, about.st_ino): about.st_blocks * BLOCK for about in map(os.lstat, _every(paths))}
    return sum(found.values())


def programs(argv: Sequence[str]) -> list[str]:
    """Return the files of the programs that an argv names, and of their libraries."""
    named = {found for word in argv if (found := shutil.which(word))}
    libraries: set[str] = set()
    for program in sorted(named):
        with suppress(HostError):  # one that is linked to nothing
            libraries.update(_LIBRARY.findall(run(["ldd", program]).decode()))
    return sorted(named | libraries)


def evict(paths: Iterable[str]) -> None:
    """Have the page cache forget files and all that is in folders; what may not be opened is left."""
    for path in _every(paths):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def _every(paths: Iterable[str]) -> Iterator[str]:
    """Yield files, and folders with all that is below them on the same file system."""
    for path in paths:
        yield path
        for folder, folders, names in os.walk(path):
            here = os.lstat(folder).st_dev
            folders[:] = [name for name in folders if os.lstat(f"{folder}/{name}").st_dev == here]
            yield from (f"{folder}/{name}" for name in (*folders, *names))
