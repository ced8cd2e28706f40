"""Recorded trees: folders and archives, whole, foreign, broken and hostile."""

import gzip
import io
import json
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from tests.probes.machines import machine, value
from vbench.errors import InputError
from vbench.probes import facts
from vbench.store import snapshot, tree

CPUINFO = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: Imaginary 9000\nflags\t\t: fpu lm svm\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    about = {"schema": "vbench.snapshot/1", "arch": "x86_64", "kernel": "6.1"}
    return write(tmp_path / "machine", {"proc/cpuinfo": CPUINFO, "vbench-snapshot.json": json.dumps(about)})


def pack(path: Path, members: list[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_folder_and_a_foreign_tree_without_the_json(recorded: Path) -> None:
    assert value(snapshot.load(recorded), "kernel.release") == "6.1"
    (recorded / "vbench-snapshot.json").unlink()
    foreign = snapshot.load(recorded)
    assert value(foreign, "cpu.virtualization") == "svm"
    assert value(foreign, "kernel.release") == "unknown"


@pytest.mark.parametrize("packing", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("above", [".", "machine"])
def test_archives_say_what_their_folder_says(recorded: Path, tmp_path: Path, packing: str, above: str) -> None:
    plain, packed = tmp_path / "m.tar", tmp_path / f"m.{packing}"
    with tarfile.open(plain, "w") as archive:
        archive.add(recorded, above)
    if packing == "tar.gz":
        packed.write_bytes(gzip.compress(plain.read_bytes()))
    elif packing == "tar.zst":
        subprocess.run(["zstd", "-q", plain, "-o", packed], check=True)
    assert facts(snapshot.load(packed)) == facts(snapshot.load(recorded))


def test_links_are_followed_inside_the_root_and_never_out_of_it(recorded: Path, tmp_path: Path) -> None:
    secret = write(tmp_path, {"secret": "mq-deadline [stolen]\n", "outside/scheduler": "[stolen]\n"})
    devices = recorded / "sys/devices/virtual/dmi/id"
    write(devices, {"sys_vendor": "ACME\n"})
    (recorded / "sys/class/dmi").mkdir(parents=True)
    (recorded / "sys/class/dmi/id").symlink_to("../../devices/virtual/dmi/id")
    (devices / "product_name").symlink_to("/proc/cpuinfo")
    write(recorded, {"sys/block/sda/size": "8\n", "sys/block/sdb/size": "8\n", "sys/block/sdc/size": "8\n"})
    for disk, target in (("sda", secret / "secret"), ("sdb", Path("../../../../../secret"))):
        (recorded / f"sys/block/{disk}/queue").mkdir()
        (recorded / f"sys/block/{disk}/queue/scheduler").symlink_to(target)
    (recorded / "sys/block/sdc/queue").symlink_to(secret / "outside")
    loaded = snapshot.load(recorded)
    assert value(loaded, "platform.product").startswith(
        "ACME processor"
    )  # an absolute link starts at the tree's own root
    assert not any(b"stolen" in data for data in loaded.files.values())


def test_a_ring_of_links_and_a_link_to_the_root_end(recorded: Path) -> None:
    (recorded / "sys").mkdir()
    (recorded / "sys/bus").symlink_to("bus")
    (recorded / "sys/class").symlink_to("..")
    (recorded / "sys/block").symlink_to("/")
    assert value(snapshot.load(recorded), "cpu.model") == "Imaginary 9000"


@pytest.mark.parametrize("target", ["../../../proc/cpuinfo", "../../../../../proc/cpuinfo", "/proc/cpuinfo"])
def test_the_root_of_a_named_folder_is_that_folder(tmp_path: Path, target: str) -> None:
    outer = write(tmp_path / "outer", {"machine/proc/cpuinfo": CPUINFO, "machine/sys/hypervisor/x": ""})
    (outer / "machine/sys/hypervisor/type").symlink_to(target)
    assert snapshot.load(outer).files["/sys/hypervisor/type"].startswith(b"processor")


def test_pipes_sockets_and_devices_are_passed_over(recorded: Path) -> None:
    os.mkfifo(recorded / "proc/meminfo")
    (recorded / "proc/version").symlink_to("/dev/zero")
    if os.geteuid() == 0:
        os.mknod(recorded / "proc/cmdline", 0o644 | 0o020000, os.makedev(1, 5))  # /dev/zero
    loaded = snapshot.load(recorded)
    assert {"/proc/meminfo", "/proc/version", "/proc/cmdline"}.isdisjoint(loaded.files)
    assert value(loaded, "memory.total") == "unknown"


def test_a_cpuinfo_of_a_gigabyte_is_read_up_to_a_bound(recorded: Path) -> None:
    with (recorded / "proc/cpuinfo").open("r+b") as file:
        file.truncate(2**30)
    loaded = snapshot.load(recorded)
    assert len(loaded.files["/proc/cpuinfo"]) <= 256 * 1024
    assert value(loaded, "cpu.model") == "Imaginary 9000"


@pytest.mark.parametrize(
    "junk",
    [b"", b"{", b"[1, 2]", b"[" * 100_000, b'{"cpuid": 5, "kvm": []}', b"9" * 10_000, bytes(range(256))],
    ids=["empty", "torn", "list", "deep", "wrong types", "long number", "binary"],
)
def test_a_broken_json_is_no_json(recorded: Path, junk: bytes) -> None:
    (recorded / "vbench-snapshot.json").write_bytes(junk)
    assert value(snapshot.load(recorded), "cpu.virtualization") == "svm"


def test_an_empty_folder_knows_nothing(tmp_path: Path) -> None:
    assert value(snapshot.load(tmp_path), "platform.is_guest") == "unknown"
    assert not any(fact.value in ("yes", "no") for fact in facts(snapshot.load(tmp_path)))


def test_an_archive_with_names_that_lead_out_stays_inside(tmp_path: Path) -> None:
    members: list[tarfile.TarInfo | tuple[str, bytes]] = [
        ("../../proc/cpuinfo", CPUINFO.encode()),
        ("/etc/passwd", b"root\n"),
        special("proc/version", tarfile.SYMTYPE, "../../../../etc/hostname"),
        special("proc/cmdline", tarfile.LNKTYPE, "/etc/passwd"),
        special("proc/stat", tarfile.CHRTYPE),
        special("proc/uptime", tarfile.FIFOTYPE),
    ]
    before = set(tmp_path.iterdir())
    loaded = snapshot.load(pack(tmp_path / "m.tar", members))
    assert set(tmp_path.iterdir()) - before == {tmp_path / "m.tar"}
    assert set(loaded.files) == {"/proc/cpuinfo"}  # .. ends at the archive's own root, as in a real one


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_bomb_goes_off_in_small(tmp_path: Path, packing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "ARCHIVE_BYTES", 2**20)
    plain = pack(
        tmp_path / "m.tar",
        [("proc/cpuinfo", CPUINFO.encode()), ("proc/stat", bytes(64 * 2**20)), ("proc/version", b"5")],
    )
    packed = tmp_path / f"m.tar.{packing}"
    if packing == "gz":
        packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    else:
        subprocess.run(["zstd", "-q", plain, "-o", packed], check=True)
    loaded = snapshot.load(packed)
    assert value(loaded, "cpu.model") == "Imaginary 9000"
    assert "/proc/version" not in loaded.files


def test_a_member_that_is_huge_is_kept_in_part(tmp_path: Path) -> None:
    loaded = snapshot.load(
        pack(tmp_path / "m.tar", [("proc/cpuinfo", CPUINFO.encode() + bytes(2**21)), ("proc/version", b"5")])
    )
    assert len(loaded.files["/proc/cpuinfo"]) == tree.FILE_BYTES
    assert loaded.files["/proc/version"] == b"5"


def test_a_torn_archive_counts_up_to_the_tear(tmp_path: Path) -> None:
    path = pack(tmp_path / "m.tar", [("proc/cpuinfo", CPUINFO.encode()), ("proc/stat", bytes(50_000))])
    path.write_bytes(path.read_bytes()[:3000])
    assert value(snapshot.load(path), "cpu.model") == "Imaginary 9000"


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b junk", b"\x28\xb5\x2f\xfd junk", bytes(range(256)) * 8])
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(InputError, match="thing"):
        snapshot.load(path)


def test_nothing_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        snapshot.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["saved", "saved.tar", "saved.tar.gz", "saved.tgz", "saved.tar.zst"])
def test_saving_and_loading_change_no_fact(tmp_path: Path, name: str) -> None:
    whole = machine(
        {"/proc/cpuinfo": CPUINFO, "/sys/kernel/iommu_groups/0/type": "DMA"},
        arch="x86_64",
        links={"/sys/block/vda/device/driver": "../virtio_blk"},
        present=["/sys/kernel/iommu_groups/0/devices/0000:00:01.0", "/proc/vz"],
        errors={"/proc/1/environ": "EACCES"},
    )
    snapshot.save(whole, tmp_path / name)
    assert facts(snapshot.load(tmp_path / name)) == facts(whole)


def test_a_guests_file_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    names = [
        "/../evil",
        "/a/../../evil",
        "evil",
        "//evil",
        "/x\0y",
        "/" + "n" * 300,
        "/d",
        "/d/e",
        "/vbench-snapshot.json/x",
        "/.",
    ]
    snapshot.save(machine(dict.fromkeys(names, "x")), tmp_path / "in" / "saved")
    assert sorted(
        path.relative_to(tmp_path / "in/saved").as_posix() for path in (tmp_path / "in/saved").rglob("*")
    ) == [
        "d",
        "vbench-snapshot.json",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]
    assert list((tmp_path / "in").iterdir()) == [tmp_path / "in/saved"]


def test_what_is_there_is_not_written_over(recorded: Path) -> None:
    with pytest.raises(InputError, match="there already"):
        snapshot.save(machine(), recorded)


def test_a_folder_of_very_many_names_is_bounded(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_NAMES", 50)
    for number in range(200):
        (recorded / f"sys/block/d{number}").mkdir(parents=True)
    began = time.monotonic()
    assert len(tree.opened(recorded).names("/sys/block")) == 50
    assert time.monotonic() >= began
