import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.image.small import FILES, make, store_is_clean, write_tar
from vbench.errors import HostError, InputError
from vbench.image import Image, export, images, import_, remove
from vbench.image.manifest import MAX_MANIFEST, Manifest

pytestmark = pytest.mark.usefixtures("xdg")


@pytest.mark.parametrize("name", ["image.tar", "image.tar.zst"])
def test_an_image_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    sent = make(b"content")
    export(sent, tmp_path / name)
    disk = sent.disk.read_bytes()
    remove(sent)
    came = import_(tmp_path / name)
    assert came == sent
    assert came.disk.read_bytes() == disk
    assert (came.rootfs / "content").read_bytes() == b"content"
    assert store_is_clean()


def test_a_file_that_was_packed_is_smaller(tmp_path: Path) -> None:
    image = make(bytes(10**6))
    export(image, tmp_path / "a.tar")
    export(image, tmp_path / "a.tar.zst")
    assert (tmp_path / "a.tar").stat().st_size > 10**6 > (tmp_path / "a.tar.zst").stat().st_size * 10


def test_an_image_that_was_changed_is_not_exported(tmp_path: Path) -> None:
    image = make()
    image.tar.write_bytes(b"changed")
    with pytest.raises(HostError, match="does not match"):
        export(image, tmp_path / "a.tar")
    assert not list(tmp_path.glob("*a.tar*"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot be written"):
        export(make(), tmp_path / "nowhere" / "a.tar")


def pack(file: Path, *members: tuple[str, bytes]) -> None:
    with tarfile.open(file, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def manifest(image: Image, **changes: object) -> bytes:
    return text(image.manifest.model_copy(update=changes))


def text(said: Manifest) -> bytes:
    return said.model_dump_json(by_alias=True, warnings=False).encode()


def lie(image: Image, name: str, **changes: object) -> bytes:
    """Return the image's manifest with a lie about one of the files."""
    records = dict(image.manifest.files)
    records[name] = records[name].model_copy(update=changes)  # type: ignore[index]
    return manifest(image, files=records)


Forge = Callable[[Image, bytes], list[tuple[str, bytes]]]
FORGERIES: dict[str, tuple[str, Forge]] = {
    "nothing": ("no manifest.json", lambda _image, _tar: []),
    "no manifest": ("no manifest.json", lambda _image, tar: [("rootfs.tar", tar)]),
    "no tar": ("no rootfs.tar", lambda image, _tar: [("manifest.json", manifest(image))]),
    "no json": ("its manifest is wrong", lambda _image, tar: [("manifest.json", b"{"), ("rootfs.tar", tar)]),
    "a manifest too large": (
        "more than its manifest",
        lambda _image, tar: [("manifest.json", b" " * (MAX_MANIFEST + 10**7)), ("rootfs.tar", tar)],
    ),
    "another name": ("no rootfs.tar", lambda image, tar: [("manifest.json", manifest(image)), ("../rootfs.tar", tar)]),
    "another digest": (
        "rootfs.tar does not",
        lambda image, tar: [("manifest.json", manifest(image, digest="a" * 64)), ("rootfs.tar", tar)],
    ),
    "a digest that climbs": (
        "its manifest is wrong",
        lambda image, tar: [
            ("manifest.json", manifest(image, digest="../evil")),
            ("rootfs.tar", tar),
        ],
    ),
    "a changed byte": (
        "rootfs.tar does not",
        lambda image, tar: [("manifest.json", manifest(image)), ("rootfs.tar", tar[:-1] + b"x")],
    ),
    "more bytes": (
        "more than its manifest",
        lambda image, tar: [("manifest.json", manifest(image)), ("rootfs.tar", tar + bytes(10**7))],
    ),
    "fewer bytes": (
        "rootfs.tar does not",
        lambda image, tar: [("manifest.json", manifest(image)), ("rootfs.tar", tar[:-512])],
    ),
    "another disk": (
        "root.ext4 does not",
        lambda image, tar: [
            ("manifest.json", lie(image, "root.ext4", sha256="b" * 64)),
            ("rootfs.tar", tar),
        ],
    ),
    "another kernel": (
        "vmlinux does not",
        lambda image, tar: [
            ("manifest.json", lie(image, "vmlinux", sha256="b" * 64)),
            ("rootfs.tar", tar),
        ],
    ),
    "no record of the tar": (
        "its manifest is wrong",
        lambda image, tar: [("manifest.json", manifest(image, files={})), ("rootfs.tar", tar)],
    ),
}


@pytest.mark.parametrize(("reason", "forge"), FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_forged_export_leaves_nothing(tmp_path: Path, reason: str, forge: Forge, packed: bool) -> None:
    image = make()
    pack(tmp_path / "forged.tar", *forge(image, image.tar.read_bytes()))
    remove(image)
    if packed:
        subprocess.run(["zstd", "-q", "--rm", tmp_path / "forged.tar"], check=True)
    with pytest.raises(InputError, match=f"no image that can be trusted: .*{reason}"):
        import_(next(tmp_path.glob("forged.tar*")))
    assert images() == []
    assert store_is_clean()


def test_a_consistent_export_with_a_hostile_root_is_refused(tmp_path: Path) -> None:
    image = make()
    write_tar(tmp_path / "rootfs.tar", FILES | {"../../../../evil": b"x"})
    tar = (tmp_path / "rootfs.tar").read_bytes()
    digest = hashlib.sha256(tar).hexdigest()
    said = Manifest.model_validate_json(lie(image, "rootfs.tar", sha256=digest, size=len(tar)))
    said = said.model_copy(update={"digest": digest})
    pack(tmp_path / "a.tar", ("manifest.json", text(said)), ("rootfs.tar", tar))
    with pytest.raises(InputError, match=r"leads out of its folder"):
        import_(tmp_path / "a.tar")
    assert store_is_clean()


def test_a_root_larger_than_the_disk_is_refused_before_it_is_read(tmp_path: Path) -> None:
    image = make()
    pack(tmp_path / "a.tar", ("manifest.json", lie(image, "rootfs.tar", size=10**18)), ("rootfs.tar", b""))
    with pytest.raises(HostError, match="no space left"):
        import_(tmp_path / "a.tar")


def test_another_mke2fs_may_lay_out_the_same_files_otherwise(tmp_path: Path) -> None:
    image = make()
    disk = image.manifest.files["root.ext4"]
    said = Manifest.model_validate_json(lie(image, "root.ext4", sha256="b" * 64)).model_copy(update={"mke2fs": "1.40"})
    pack(tmp_path / "a.tar", ("manifest.json", text(said)), ("rootfs.tar", image.tar.read_bytes()))
    remove(image)
    assert import_(tmp_path / "a.tar").manifest.files["root.ext4"] == disk


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x28\xb5\x2f\xfdgarbage"])
def test_garbage_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(InputError):
        import_(tmp_path / "a.tar")
    assert store_is_clean()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        import_(tmp_path / "a.tar")
