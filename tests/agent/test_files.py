"""Files in and out."""

import os
import stat
from pathlib import Path

import pytest

from vbench.errors import JobError
from vbench.targets.pipe import CHUNK, Pipe


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17])
def test_bytes_arrive_and_come_back(pipe: Pipe, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "file with a space"
    pipe.put(str(path), data)
    assert path.read_bytes() == data
    assert pipe.get(str(path)) == data


def test_a_shorter_file_replaces_a_longer_one_and_takes_its_mode(pipe: Pipe, tmp_path: Path) -> None:
    path = tmp_path / "file"
    pipe.put(str(path), b"x" * 1000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    pipe.put(str(path), b"y", mode=0o755)
    assert path.read_bytes() == b"y"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_no_more_comes_back_than_is_asked_for(pipe: Pipe, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert pipe.get(str(path), limit=4) == b"0123"
    assert len(pipe.get("/dev/zero", limit=3 * CHUNK)) == 3 * CHUNK


def test_a_file_of_the_kernel_comes_whole(pipe: Pipe) -> None:
    """Its size is 0 and it gives a page at a time."""
    assert pipe.get("/proc/kallsyms", limit=300_000) == Path("/proc/kallsyms").read_bytes()[:300_000]


def test_what_cannot_be_read_or_written_is_an_error_and_the_agent_goes_on(pipe: Pipe, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="FileNotFoundError"):
        pipe.get(str(tmp_path / "missing"))
    with pytest.raises(JobError, match="IsADirectoryError"):
        pipe.put(str(tmp_path), b"")
    with pytest.raises(JobError, match="No space left"):
        pipe.put("/dev/full", b"x")
    assert pipe.exec(["true"]).ok
