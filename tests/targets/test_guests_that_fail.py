"""Guests that never say hello, an accelerator that does not work, and what the user is told."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.run.command import Home, leftovers
from vbench.errors import TargetError
from vbench.image import Image, cpio
from vbench.ledger import Ledger
from vbench.run.machine import machine
from vbench.targets import accelerator
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.pipe import LAST_LINES
from vbench.targets.place import LIB, Place, Settings

pytestmark = pytest.mark.real
TCG = Settings(accelerator="tcg")
SLEEPER = b"#!/bin/sh\n/bin/busybox echo I am stuck in here >/dev/console\n/bin/busybox sleep 600\n"
DYING = b"#!/bin/sh\n/bin/busybox echo I give up >/dev/console\nexit 1\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledgers") as ledger:
        yield ledger
        left = [entry["kind"] for entry in ledger._entries.values()]
        assert not left


def with_initramfs(place: Place, image: Image, folder: Path, init: bytes | None) -> Place:
    """The place with another initramfs: busybox and an init of the test's own, or none at all."""
    home = folder / "root" / LIB
    home.mkdir(parents=True)
    (home / "vmlinux").symlink_to(image.kernel)
    busybox = next(path for path in (image.rootfs / "bin/busybox", image.rootfs / "usr/bin/busybox") if path.exists())
    entries = [cpio.Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))]
    if init is not None:
        entries += [cpio.file("bin/busybox", busybox.read_bytes(), 0o755), cpio.file("init", init, 0o755)]
        entries += [cpio.Entry("bin/sh", stat.S_IFLNK | 0o777, b"busybox")]
    (home / "initramfs.cpio").write_bytes(cpio.archive(entries))
    return replace(place, rootfs=str(folder / "root"))


@pytest.mark.parametrize(
    ("init", "what", "said"),
    [
        (SLEEPER, "said no hello within 12 s", "I am stuck in here"),
        (DYING, "died: its pipe is closed", "Kernel panic - not syncing: Attempted to kill init!"),
        (None, "died: its pipe is closed", "Kernel panic - not syncing: VFS: Unable to mount root fs"),
    ],
    ids=["sleeps", "dies", "no-init"],
)
def test_a_guest_that_never_says_hello_shows_its_console(
    image: Image,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    init: bytes | None,
    what: str,
    said: str,
) -> None:
    monkeypatch.setitem(accelerator.PATIENCE, "tcg", 12.0 if init == SLEEPER else 120.0)
    target = Catalogue().target("kvm")
    with machine(image, ledger, 1, wired=False) as host, host.place("kvm") as place:
        broken = with_initramfs(place, image, tmp_path, init)
        with pytest.raises(TargetError) as caught:
            open_target(target, broken, TCG, ledger).__enter__()
    assert caught.value.message == f"The target 'kvm' {what} (hop 'qemu')."
    assert said in caught.value.console
    assert len(caught.value.console.splitlines()) <= LAST_LINES


def test_an_accelerator_that_was_asked_for_and_does_not_work_is_one_sentence(shared_home: Home) -> None:
    """Where KVM boots guests there is nothing to fail; elsewhere `auto` says why it took TCG."""
    home = shared_home
    home.workload("quick", "echo rate 42")
    done = home.run("--accelerator", "kvm", target="kvm", workload="own.quick")
    proof = accelerator.Proof(**home.header()["accelerator"])
    lines = [line for line in home.lines() if line["target"] == "kvm"]
    assert not leftovers(home, [])
    if proof.accelerator == "kvm":
        assert [line["value"] for line in lines] == [42.0]
        return
    assert proof.reason
    assert [line["failure"]["blame"] for line in lines] == ["target"]
    assert "The target 'kvm'" in lines[0]["failure"]["message"]
    assert "  kvm: " in done.stderr, "its last words"
    assert "Traceback" not in done.stderr
    done = home.run(target="kvm", workload="own.quick")
    assert done.returncode == 0
    assert "kvm (tcg)" in done.stdout
    assert accelerator.Proof(**home.header()["accelerator"]) == proof
    listed = home.vbench("targets")
    assert proof.reason[:40] in " ".join(listed.stdout.split())
