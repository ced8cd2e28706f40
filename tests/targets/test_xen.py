"""Xen: what is written for xl, and a paravirtual guest in a Xen under TCG, whose image is built here."""

import gzip
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.image.small import write_tar
from tests.run.command import Home, temporary_home
from tests.targets.entering import ask, reaches_the_peer
from vbench.image import Image, Recipe, build, load_recipe, with_xen
from vbench.image.xen import MODULES, PACKAGES, hypervisor
from vbench.ledger import MARK, Ledger
from vbench.run.machine import machine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.place import Settings, host_place
from vbench.targets.xen_guest import configuration, hotplug

SMALL = Recipe(
    suite="bookworm",
    packages=("python3-minimal", "libpython3-stdlib", "iproute2", "kmod", "busybox-static"),
    kernel="linux-image-cloud-amd64",
    generic_modules=("virtio_pci", "virtio_console", "virtio_blk", "virtio_net", "ext4", "bridge"),
    exclude=("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*"),
)
SETTINGS = Settings(memory=256 * 2**20)
TARGET = "tcg-xen/xen-pv"


def test_a_recipe_with_xen_has_its_tools_and_a_kernel_for_dom0() -> None:
    recipe = load_recipe()
    xen = with_xen(recipe)
    assert {*PACKAGES, *recipe.packages} == {*xen.packages}
    assert {*MODULES, *recipe.generic_modules} == {*xen.generic_modules}
    assert with_xen(SMALL).generic == "linux-image-amd64"
    assert xen.digest != recipe.digest


def test_the_hypervisor_is_found_in_a_root_and_unpacked(tmp_path: Path) -> None:
    files = {"boot/xen-4.17-amd64.config": b"no", "boot/xen-4.17-amd64.gz": gzip.compress(b"xen")}
    write_tar(tmp_path / "with.tar", files)
    write_tar(tmp_path / "without.tar", {"boot/xen.gz.txt": b"no"})
    assert hypervisor(tmp_path / "with.tar") == b"xen"
    assert hypervisor(tmp_path / "without.tar") is None
    assert tarfile.is_tarfile(tmp_path / "with.tar")


def test_what_xl_is_told(image: Image, tmp_path: Path) -> None:
    """A path may have quotes and commas in it: xl takes JSON's texts, and a target is the rest of its disk's text."""
    with Ledger(tmp_path / "ledgers") as ledger:
        place = host_place(image, ledger, tmp_path, cpus=(0,), address="198.18.0.9/24", netns="vbench-1-host")
        odd = replace(place, disk='/a "b",c')
        said = configuration("vbench-1-x", "pv", odd, SETTINGS, "/run/initrd", "/data/disk")
        told = {key: json.loads(value) for key, value in (line.split(" = ", 1) for line in said.splitlines())}
        assert told["disk"][0] == 'format=raw,vdev=xvda,access=ro,target=/a "b",c'
        assert (told["name"], told["type"], told["memory"], told["vcpus"]) == ("vbench-1-x", "pv", 256, 1)
        assert told["on_crash"] == "destroy"
        assert told["vif"][0].startswith("mac=52:54:00:")
        assert 'ip link set "$vif" netns vbench-1-host' in hotplug(place)
        device = configuration("vbench-1-x", "pv", replace(place, disk="/dev/vda", address=""), SETTINGS, "i", "d")
        assert "backendtype=phy,script=" in device
        assert "vif = []" in device


XL = """#!/bin/sh
echo "$@" >>"$0.said"
case $1 in destroy) rm "$0.$2" ;; domid) [ -e "$0.$2" ] ;; esac
"""


def test_a_guest_of_ours_is_destroyed_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no dom0 here, so xl is a fake: it knows the domains that there are files of."""
    xl = tmp_path / "xl"
    xl.write_text(XL)
    xl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in (f"{MARK}1-here", "somebodys"):
        Path(f"{xl}.{name}").touch()
    with Ledger(tmp_path / "ledgers") as ledger:
        for name in (f"{MARK}1-here", f"{MARK}1-gone", "somebodys"):
            ledger.record("domain", name=name)
    assert Path(f"{xl}.said").read_text().splitlines() == [
        f"destroy {MARK}1-gone",
        f"domid {MARK}1-gone",
        f"destroy {MARK}1-here",
    ]


def test_what_lacks_is_named_with_its_fix(image: Image, xdg: Path) -> None:
    store = xdg / "data" / "vbench" / "images"
    store.mkdir(parents=True)
    (store / image.digest).symlink_to(image.root)
    fixes = {
        name: [lack.fix for lack in Catalogue().target(name).missing()] for name in ("xen-pv", TARGET, "bare/xen-pvh")
    }
    assert fixes == {
        "xen-pv": ["boot one, or choose tcg-xen/xen-pv"],
        TARGET: ["vbench image build --xen"],
        "bare/xen-pvh": ["boot one, or choose tcg-xen/xen-pv"],
    }


@pytest.fixture(scope="module")
def home(image: Image) -> Iterator[Home]:
    """A home whose store has the workload image and a small one with Xen."""
    with temporary_home(image.root.parent) as home:
        (home.data / "images").unlink()
        (home.data / "images").mkdir()
        (home.data / "images" / image.digest).symlink_to(image.root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_DATA_HOME", str(home.data.parent))
            build(with_xen(SMALL), print)
        yield home


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(1800)  # an image is built first
@pytest.mark.skipif(os.getuid() != 0, reason="the network needs root")
@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_a_job_runs_in_a_guest_of_xen(home: Home, image: Image, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in home.environment().items():
        if key.startswith(("XDG_", "VBENCH_")):
            monkeypatch.setenv(key, value)
    name = f"tcg-xen/xen-{kind}"
    target = Catalogue().target(name)
    assert not target.missing()
    with (
        Ledger() as ledger,
        machine(image, ledger, 1, wired=True) as host,
        host.place(name) as place,
        open_target(target, place, SETTINGS, ledger) as guest,
    ):
        assert guest.accelerator == "tcg/xen"
        assert guest.place.labels == ("emulated",)
        assert ask(guest, "cat /sys/hypervisor/type /sys/hypervisor/guest_type; nproc") == f"xen\n{kind.upper()}\n1"
        assert ask(guest, "uname -r").endswith("-cloud-amd64")
        assert ask(guest, "echo x > /data/y; grep ' /data ' /proc/mounts").startswith("/dev/xvdb /data ext4")
        assert reaches_the_peer(guest)
        assert len(ask(guest, "seq 100000")) == 588894, "the console loses nothing"
        guest.freeze()
        guest.thaw()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(1800)  # an image is built first
@pytest.mark.skipif(os.getuid() != 0, reason="the network needs root")
def test_the_probe_knows_xen_from_within(home: Home) -> None:
    done = home.vbench("probe", "--target", TARGET, "--json")
    assert done.returncode == 0, done.stderr
    facts = {fact["key"]: fact["value"] for fact in json.loads(done.stdout)["facts"]}
    assert (facts["platform.hypervisor"], facts["platform.virtualization_type"]) == ("xen", "para")
    assert facts["platform.is_guest"] == "yes"
