"""Real builds of a small root: Debian's essential packages, busybox and the kernel."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.image.small import store_is_clean
from vbench.errors import HostError, InputError
from vbench.image import Image, Recipe, build, check, images
from vbench.image.boot import GENERIC
from vbench.image.mmdebstrap import explain
from vbench.targets.qemu_boot import available

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can build here"),
]

SMALL = Recipe(suite="bookworm", variant="essential", packages=("busybox-static",), kernel="linux-image-cloud-amd64")
# The first that a guest boots is Debian's small one, the second the ordinary one with some of its modules.
TWO_KERNELS = SMALL.model_copy(update={"generic": "linux-image-amd64", "generic_modules": ("ahci", "e1000", "ext4")})

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
ROOM = 2 * 2**30  # bytes of memory that two builds and their roots take at the most


@pytest.fixture
def store(xdg: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the images: in memory where there is room, since dpkg waits for the disk after every file."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield xdg
        return
    with tempfile.TemporaryDirectory(prefix="vbtest-", dir=MEMORY) as folder:
        monkeypatch.setenv("XDG_DATA_HOME", f"{folder}/data")
        yield Path(folder)


def quiet(_line: str) -> None:
    """Take a build's progress and say nothing."""


def test_two_builds_give_one_digest_and_a_third_is_not_made() -> None:
    first, said = build(TWO_KERNELS, quiet), list[str]()
    disk = first.manifest.files["root.ext4"]
    second = build(TWO_KERNELS, said.append, fresh=True)
    assert (second.digest, second.manifest.files["root.ext4"]) == (first.digest, disk)
    assert any("creating tarball" in line for line in said)
    said.clear()
    assert build(TWO_KERNELS, said.append) == second
    assert said == []
    _shows_what_was_asked_for(second)
    assert store_is_clean()


def _shows_what_was_asked_for(image: Image) -> None:
    check(image)
    kernel = image.manifest.kernel
    assert kernel
    assert kernel.package == f"linux-image-{kernel.release}"
    assert image.manifest.packages["busybox-static"]
    assert image.kernel.read_bytes()[:4] == b"\x7fELF"
    dep = (image.rootfs / f"lib/modules/{kernel.release}/modules.dep").read_text()
    for module in ("kvm-amd", "tun", "bridge", "veth", "overlay", "virtio_net", "nf_tables"):
        assert f"/{module}.ko:" in dep
    generic = image.manifest.generic
    assert generic
    assert (generic.version, generic.package) == (kernel.version, f"linux-image-{generic.release}")
    assert image.file("vmlinux-generic").read_bytes()[:4] == b"\x7fELF"
    assert (image.rootfs / GENERIC / "release").read_text() == f"{generic.release}\n"
    assert {"ahci", "libata", "scsi_mod", "e1000", "ext4", "jbd2"} <= available(image.rootfs, generic.release)
    dep = (image.rootfs / f"lib/modules/{generic.release}/modules.dep").read_text()
    assert dep.count("\n") < 40, "and no module that nobody asked for"
    assert (image.rootfs / "etc/hostname").read_text() == "vbench\n"
    assert "localhost" in (image.rootfs / "etc/hosts").read_text()
    assert not (image.rootfs / "etc/resolv.conf").exists()
    assert all((image.rootfs / folder).is_dir() for folder in ("data", "run", "tmp", "proc", "sys", "dev"))


BUILD = """
import sys
from vbench.errors import HostError
from vbench.image import Recipe, build
try:
    build(Recipe.model_validate_json(sys.argv[1]), lambda line: print(line, flush=True))
except HostError as error:
    print(error.message)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_ends_in_the_middle_leaves_nothing(number: signal.Signals, store: Path) -> None:
    argv = [sys.executable, "-c", BUILD, SMALL.model_dump_json()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as builder:
        assert builder.stdout
        next(line for line in builder.stdout if "installing essential" in line)
        family = psutil.Process(builder.pid).children(recursive=True)
        builder.send_signal(number)
        assert builder.wait() == -number
    assert len(family) > 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert str(store) not in Path("/proc/self/mountinfo").read_text()
    assert images() == []
    if number == signal.SIGINT:
        assert store_is_clean()


def test_a_package_that_does_not_exist_is_named() -> None:
    with pytest.raises(InputError, match="'no-such-tool'"):
        build(SMALL.model_copy(update={"variant": "custom", "packages": ("no-such-tool",)}), quiet)
    assert store_is_clean()


def test_a_mirror_that_cannot_be_reached_is_told_from_a_wrong_recipe() -> None:
    with pytest.raises(HostError, match="mirror cannot be reached") as caught:
        build(SMALL.model_copy(update={"mirror": "http://127.0.0.1:9/debian"}), quiet)
    assert "vbench image import" in caught.value.remedy


def test_no_mmdebstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for tool in ("setpriv", "sh"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="'mmdebstrap'") as caught:
        build(SMALL, quiet)
    assert caught.value.remedy == "apt-get install mmdebstrap"


def test_no_space_left(store: Path) -> None:
    (store / "data").mkdir()
    script = 'mount -t tmpfs -o size=64M tmpfs "$XDG_DATA_HOME" && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", BUILD, SMALL.model_dump_json()]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "There is no space left for the image."


def test_a_user_without_subordinate_ids_is_told_what_to_do() -> None:
    error = explain(["W: /etc/subuid is empty", "E: failed to parse /etc/subuid and /etc/subgid"])
    assert error.message == "This user cannot build an image."
    assert "vbench image import" in error.remedy


def test_what_is_not_foreseen_is_told_in_the_tool_s_own_words() -> None:
    assert explain(["I: running", "E: the moon is full"]).message == "The image could not be built: the moon is full."
    assert explain([]).message == "The image could not be built: it said nothing."
