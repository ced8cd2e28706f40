import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.image.small import EPOCH, FILES, write_tar
from vbench.image import disk, tarball

MANY = {f"bin/{number:060}": b"" for number in range(300)}  # a folder of several blocks is looked up in another way


def make(folder: Path) -> Path:
    folder.mkdir()
    write_tar(folder / "rootfs.tar", FILES | MANY)
    tarball.unpack(folder / "rootfs.tar", folder / "rootfs")
    survey = tarball.survey(folder / "rootfs.tar")
    survey.owners.update(dict.fromkeys(MANY, (0, 42)))
    disk.make(folder / "rootfs", folder / "root.ext4", survey, EPOCH)
    return folder / "root.ext4"


def ask(image: Path, command: str) -> str:
    return subprocess.run(["debugfs", "-R", command, image], capture_output=True, text=True, check=True).stdout


def test_the_same_tar_gives_the_same_disk_at_another_time_and_place(tmp_path: Path) -> None:
    first = make(tmp_path / "first").read_bytes()
    time.sleep(1.1)  # ext4 counts seconds
    assert make(tmp_path / "second").read_bytes() == first


def test_the_disk_is_sound_and_holds_the_files(tmp_path: Path) -> None:
    image = make(tmp_path / "one")
    subprocess.run(["e2fsck", "-fn", image], capture_output=True, check=True)
    assert ask(image, "cat /etc/shadow") == "secret"


@pytest.mark.parametrize("others", [{"etc/a b": b"x"}, {'etc/a"b': b"x"}])
def test_owners_come_from_the_tar_not_from_who_unpacked_it(tmp_path: Path, others: dict[str, bytes]) -> None:
    write_tar(tmp_path / "rootfs.tar", FILES | others)
    survey = tarball.survey(tmp_path / "rootfs.tar")
    survey.owners.update(dict.fromkeys(others, (70000, 5)))
    tarball.unpack(tmp_path / "rootfs.tar", tmp_path / "rootfs")
    subprocess.run(["chown", "-R", "1234:1234", tmp_path / "rootfs"], check=True)
    disk.make(tmp_path / "rootfs", tmp_path / "root.ext4", survey, EPOCH)
    assert owner(tmp_path / "root.ext4", "/etc/shadow") == (0, 42)
    for name in others:
        assert owner(tmp_path / "root.ext4", name.replace('"', '""')) == (70000, 5)


def owner(image: Path, name: str) -> tuple[int, int]:
    found = re.search(r"User:\s+(\d+)\s+Group:\s+(\d+)", ask(image, f'stat "{name}"'))
    assert found
    return int(found[1]), int(found[2])
