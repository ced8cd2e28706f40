import subprocess
from pathlib import Path

import pytest

from vbench.image import cpio


def unpack(data: bytes, into: Path) -> None:
    subprocess.run(["cpio", "--extract", "--quiet"], input=data, cwd=into, check=True)


def test_gnu_cpio_reads_what_was_written(tmp_path: Path) -> None:
    link = cpio.Entry("bin/sh", 0o120777, b"busybox")
    unpack(cpio.archive([cpio.file("bin/busybox", b"code", 0o755), link, cpio.file("a/b/c", b"12345")]), tmp_path)
    assert (tmp_path / "a/b/c").read_bytes() == b"12345"
    assert (tmp_path / "bin/sh").readlink() == Path("busybox")
    assert (tmp_path / "bin/busybox").stat().st_mode & 0o777 == 0o755


def test_every_folder_comes_once_and_before_its_files() -> None:
    data = cpio.archive([cpio.file("a/b/one", b""), cpio.folder("a"), cpio.file("a/b/two", b"")])
    listed = subprocess.run(["cpio", "--list", "--quiet"], input=data, capture_output=True, check=True).stdout
    assert listed.decode().split() == ["a", "a/b", "a/b/one", "a/b/two"]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 511, 512])
def test_archives_end_on_a_block_so_that_a_second_may_follow(size: int) -> None:
    assert len(cpio.archive([cpio.file("x", bytes(size))])) % 512 == 0
