import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vbench.errors import InputError
from vbench.image import tarball

Change = Callable[[tarfile.TarInfo], None]


def write(folder: Path, *members: tarfile.TarInfo) -> Path:
    file = folder / "rootfs.tar"
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0, owner: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.uid, info.gid = kind, link, size, owner, owner
    return info


def test_a_survey_counts_what_a_disk_needs(tmp_path: Path) -> None:
    tar = write(tmp_path, member("./a", tarfile.DIRTYPE), member("./a/b", size=4097, owner=7))
    assert tarball.survey(tar) == tarball.Survey(blocks=4, inodes=2, owners={"a/b": (7, 7)})


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/passwd")],
        [member("./a/../../passwd")],
        [member("./etc", tarfile.SYMTYPE, "/etc"), member("./etc/passwd")],
        [member("./etc", tarfile.SYMTYPE, "/etc"), member("./copy", tarfile.LNKTYPE, "./etc/shadow")],
        [member("./copy", tarfile.LNKTYPE, "../../etc/shadow")],
        [member("./sda", tarfile.BLKTYPE)],
        [member("./pipe", tarfile.FIFOTYPE)],
        [member('./"\nwrite /etc/passwd')],
    ],
)
def test_a_member_that_could_reach_outside_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    with pytest.raises(InputError, match="is refused"):
        tarball.survey(write(tmp_path, *members))


def test_a_sparse_member_is_refused_for_its_size_is_a_claim(tmp_path: Path) -> None:
    (tmp_path / "bomb").touch()
    with (tmp_path / "bomb").open("r+b") as file:
        file.truncate(2**40)
    argv = ["tar", "--create", "--sparse", "--file", "rootfs.tar", "bomb"]
    subprocess.run(argv, cwd=tmp_path, check=True)
    with pytest.raises(InputError, match="is refused"):
        tarball.survey(tmp_path / "rootfs.tar")


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="header is too large"):
        tarball.survey(write(tmp_path, member("./x", tarfile.XHDTYPE, size=2**21)))


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"no tar" * 300])
def test_what_is_no_tar_is_an_input_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "rootfs.tar").write_bytes(data)
    with pytest.raises(InputError):
        tarball.survey(tmp_path / "rootfs.tar")


def test_links_inside_are_fine_and_come_out(tmp_path: Path) -> None:
    link = member("./bin", tarfile.SYMTYPE, "usr/bin")
    tar = write(
        tmp_path, member("./usr/bin/sh", size=3), link, member("./usr/bin/ash", tarfile.LNKTYPE, "./usr/bin/sh")
    )
    tarball.survey(tar)
    tarball.unpack(tar, tmp_path / "root")
    assert (tmp_path / "root/bin/ash").read_bytes() == b"xxx"
