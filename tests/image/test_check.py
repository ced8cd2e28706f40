import os
from pathlib import Path

import pytest

from tests.image.small import make
from vbench.errors import HostError
from vbench.image import Image, check, store
from vbench.image.manifest import FileRecord

pytestmark = pytest.mark.usefixtures("xdg")


def change(file: Path) -> None:
    """Change one byte and set size and time back, as one who hides it would."""
    before = file.stat()
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        last = opened.read(1)
        opened.seek(-1, os.SEEK_END)
        opened.write(bytes([last[0] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def files(image: Image) -> dict[str, Path]:
    return {name: image.file(name) for name in image.manifest.files}


def test_every_recorded_file_is_watched() -> None:
    assert set(files(make())) == {"rootfs.tar", "root.ext4", "vmlinux", "initramfs.cpio"}


@pytest.mark.parametrize("name", ["rootfs.tar", "root.ext4", "vmlinux", "initramfs.cpio"])
@pytest.mark.parametrize("checked_before", [True, False])
def test_a_changed_file_is_named(name: str, checked_before: bool) -> None:
    image = make()
    if checked_before:
        check(image)
    change(files(image)[name])
    with pytest.raises(HostError, match=f"The image '{image.short}' does not match its digest: {name} was changed"):
        check(image)


def test_a_missing_file_is_named() -> None:
    image = make()
    image.disk.unlink()
    with pytest.raises(HostError, match=r"root\.ext4 is missing") as caught:
        check(image)
    assert f"vbench image remove {image.short}" in caught.value.remedy


def test_files_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    image = make()
    hashed: list[Path] = []
    record = store.record

    def spy(file: Path) -> FileRecord:
        hashed.append(file)
        return record(file)

    monkeypatch.setattr(store, "record", spy)
    check(image)
    check(image)
    assert len(hashed) == len(image.manifest.files)
    image.kernel.touch()
    check(image)
    assert hashed[len(image.manifest.files) :] == [image.kernel]


@pytest.mark.parametrize("stamp", ["", "[]", '{"root.ext4": 1}'])
def test_a_broken_stamp_only_costs_time(stamp: str) -> None:
    image = make()
    (image.root / ".checked").write_text(stamp)
    check(image)
