"""root.ext4: the rootfs as a disk, without a loop mount, and the same bytes for the same files, whoever makes it."""

import mmap
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from vbench.image import tools
from vbench.image.tarball import Survey

_UUID = "76626e63-6800-4000-8000-000000000001"
_MIB = 2**20
_BLOCK = 4096
_INODE = 256
# Named in full, so that a distribution's mke2fs.conf changes nothing. No journal, no checksums: the disk is read-only.
_FEATURES = "none,extent,filetype,sparse_super,large_file,huge_file,dir_index,dir_nlink,extra_isize,flex_bg"


def version() -> str:
    """Return the version of mke2fs; raises HostError if there is none."""
    command = ["sh", "-c", "exec mke2fs -V 2>&1"]
    return tools.run(command, package="e2fsprogs").split()[1]


def make(rootfs: Path, disk: Path, survey: Survey, epoch: int) -> None:
    """Write a folder to a disk image with 16 MiB to spare; no time in it is younger than the folder's or `epoch`."""
    inodes = survey.inodes + 64
    size = (survey.blocks * _BLOCK + inodes * _INODE) * 102 // 100 + 16 * _MIB
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(_BLOCK), "-I", str(_INODE), "-N", str(inodes), "-m", "0"]
    argv += ["-O", _FEATURES, "-U", _UUID, "-E", f"lazy_itable_init=0,no_copy_xattrs,hash_seed={_UUID}"]
    argv += ["-d", str(rootfs), str(disk), f"{-(-size // _MIB)}M"]
    # E2FSPROGS_FAKE_TIME and the order of names (LC_ALL) are what else mke2fs takes from outside.
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(epoch), "MKE2FS_CONFIG": os.devnull}
    tools.run(argv, package="e2fsprogs", env=env)
    _normalise(disk)
    _own(disk, survey.owners, env)


def _normalise(disk: Path) -> None:
    """Give every inode to root and make its other times its mtime: mke2fs before 1.47.1 copies the folder's own.

    Offsets are those of struct ext4_inode (Linux, Documentation/filesystems/ext4/inodes.rst).
    """
    with disk.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        for at in _inodes(view):
            (links,) = struct.unpack_from("<H", view, at + 26)
            if links:
                (mtime,) = struct.unpack_from("<I", view, at + 16)
                struct.pack_into("<H", view, at + 2, 0)  # uid, low half
                struct.pack_into("<II", view, at + 8, mtime, mtime)  # atime, ctime
                struct.pack_into("<H", view, at + 24, 0)  # gid, low half
                struct.pack_into("<HH", view, at + 120, 0, 0)  # uid and gid, high halves
                struct.pack_into("<IIIII", view, at + 132, 0, 0, 0, mtime, 0)  # nanoseconds; time of creation


def _inodes(view: mmap.mmap) -> Iterator[int]:
    """Yield the offset of every inode in the disk, by the group descriptors in its second block (32 bytes each)."""
    (count,) = struct.unpack_from("<I", view, 1024)
    (per_group,) = struct.unpack_from("<I", view, 1024 + 40)
    for group in range(count // per_group):
        (table,) = struct.unpack_from("<I", view, _BLOCK + group * 32 + 8)
        yield from range(table * _BLOCK, table * _BLOCK + per_group * _INODE, _INODE)


def _own(disk: Path, owners: dict[str, tuple[int, int]], env: dict[str, str]) -> None:
    """Give back what root does not own; debugfs, because it finds an inode by its name."""
    script = ""
    for name, (uid, gid) in sorted(owners.items()):
        quoted = '"/' + re.sub('"', '""', name) + '"'
        script += f"set_inode_field {quoted} uid {uid}\nset_inode_field {quoted} gid {gid}\n"
    if script:
        tools.run(["debugfs", "-w", "-f", "-", str(disk)], package="e2fsprogs", env=env, text=script)
