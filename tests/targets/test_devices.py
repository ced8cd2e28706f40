"""The devices of a guest: each boots for real, its root and its job's files are on it, and it reaches the peer."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.targets.entering import MEBIBYTE, ROOT, Bench, ask
from vbench.errors import HostError, InputError, VbenchError
from vbench.image import Image
from vbench.model import Fact
from vbench.probes.matters import EMULATED_GUEST, FREE_EXITS, GUEST_CARD, GUEST_DISK, voids
from vbench.targets import qemu_boot, qemu_devices
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance
from vbench.targets.comparisons import COMPARISONS, named
from vbench.targets.network import PEER
from vbench.targets.qemu_devices import check_pages, memory

root = pytest.mark.skipif(not ROOT, reason="the network needs root")
# Prints the drivers of a disk's device and of all that it hangs on, as far as the PCI bus.
DRIVERS = """
way=$(realpath "/sys/class/block/$(basename "$(realpath "$1")")/device")
while [ "$way" != /sys/devices ]; do
    [ -e "$way/driver" ] && basename "$(realpath "$way/driver")"
    way=$(dirname "$way")
done
"""
PORT = 20123
ANSWER = f"""
import socket
with socket.create_server(("{PEER}", {PORT})) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].sendall(b"hello")
"""
CALL = f"import socket; print(socket.create_connection(('{PEER}', {PORT}), 20).recv(5).decode())"


def drivers(instance: Instance, where: str) -> set[str]:
    outcome = instance.pipe.exec(["sh", "-ec", f"findmnt -no SOURCE {where}"])
    device = outcome.stdout.strip()
    assert device.startswith("/dev/"), outcome.complaint()
    return set(instance.pipe.exec(["sh", "-c", DRIVERS, "sh", device]).stdout.split())


@contextmanager
def answering(bench: Bench) -> Iterator[None]:
    """A server at the peer."""
    assert bench.host.network
    argv = ["nsenter", f"--net=/run/netns/{bench.host.network.peer}", sys.executable, "-c", ANSWER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


def reaches(instance: Instance) -> bool:
    return ask(instance, f'python3 -c "{CALL}"') == "hello"


@root
@pytest.mark.real
@pytest.mark.parametrize(
    ("options", "disk", "card"),
    [
        ("kernel=generic:disk=ahci:nic=e1000", {"ahci", "sd"}, "e1000"),
        ("kernel=generic:disk=nvme:nic=e1000e", {"nvme"}, "e1000e"),
        ("kernel=generic:disk=virtio-scsi:nic=rtl8139", {"virtio_scsi", "virtio-pci", "sd"}, "8139cp"),
        ("machine=pc:disk=ide:nic=virtio-net", {"ata_piix", "sd"}, "virtio_net"),
        ("machine=microvm:disk=virtio-scsi", {"virtio_scsi", "sd"}, "virtio_net"),
        ("disk=nvme:wire=slirp", {"nvme"}, "virtio_net"),
    ],
)
def test_a_guest_has_the_devices_that_were_asked_for(bench: Bench, options: str, disk: set[str], card: str) -> None:
    name = f"kvm:{options}"
    with answering(bench), bench.enter(name) as guest:
        assert disk <= drivers(guest, "/")
        assert disk <= drivers(guest, "/data")
        assert ask(guest, "basename $(realpath /sys/class/net/eth0/device/driver)") == card
        assert ask(guest, "echo x > /data/y; cat /data/y; cat /sys/block/*/queue/read_ahead_kb | sort -u") == "x\n128"
        assert not guest.pipe.exec(["touch", "/etc/changed"]).ok
        assert reaches(guest)
        chosen = {"disk": "", "nic": "virtio-net", "wire": "tap"} | dict(word.split("=") for word in options.split(":"))
        assert guest.place.disk_path.startswith(f"ext4 on {chosen['disk']} ")
        assert guest.place.network_path.startswith(f"{chosen['nic']} on {chosen['wire']} ")
        assert ("cloud" in ask(guest, "uname -r")) == ("kernel" not in chosen)
        assert ask(guest, "modprobe -n kvm_amd && echo there") == "there"


@root
@pytest.mark.real
def test_a_guest_boots_this_machines_own_kernel(
    bench: Bench, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image's generic kernel stands in for it, since not every machine shows its own: under its name, in /boot."""
    release = (image.rootfs / "usr/lib/vbench/generic/release").read_text().strip()
    for folder in ("bin", "boot", "lib/modules"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin/uname").write_text(f"#!/bin/sh\necho {release}\n")
    (tmp_path / "bin/uname").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    (tmp_path / f"boot/vmlinuz-{release}").symlink_to(image.rootfs / "usr/lib/vbench/generic/vmlinux")
    (tmp_path / "lib/modules" / release).symlink_to(image.rootfs / "lib/modules" / release)
    monkeypatch.setattr(qemu_boot, "SELF", tmp_path)
    assert Catalogue().target("kvm:kernel=host").missing() == []
    with answering(bench), bench.enter("kvm:kernel=host:disk=ahci:nic=e1000") as guest:
        assert ask(guest, "uname -r") == release
        assert {"ahci", "sd"} <= drivers(guest, "/data")
        assert reaches(guest), "its network card's module came with the initramfs"


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        ("disk=ide", "the controller for disk=ide in the machine q35", "add machine=pc"),
        ("disk=ahci", "the module 'ahci' of the kernel ", "add kernel=generic"),
        ("kernel=host", "this machine's own kernel in '/", "or add kernel=generic"),
        ("hugepages=1G", "a free huge page of 1G", "echo 1 > /sys/"),
        ("hugepages=2M", "a free huge page of 2M", "sysctl vm.nr_hugepages=256"),
    ],
)
def test_what_a_choice_lacks_is_named_with_the_fix(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, what: str, fix: str
) -> None:
    assert image
    monkeypatch.setattr(qemu_boot, "SELF", tmp_path)
    monkeypatch.setattr(qemu_devices, "POOLS", Path("/sys/kernel/mm/none"))
    (lack,) = Catalogue().target(f"kvm:{options}").missing()
    assert lack.what.startswith(what)
    assert fix in lack.fix
    assert Catalogue().target(f"bare/kvm:{options}").missing() == ([lack] if options == "disk=ide" else [])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("disk=virtio", "There is no disk 'virtio'. Did you mean 'virtio-blk'?"),
        ("nic=e100", "There is no network card 'e100'. Did you mean 'e1000'?"),
        ("machine=q34", "There is no machine 'q34'. Did you mean 'q35'?"),
        ("wire=tun", "There is no wire 'tun'."),
        ("hugepages=2m", "There is no size of huge pages '2m'."),
        ("kernel=generc", "There is no kernel 'generc'. Did you mean 'generic'?"),
        ("kernel=/etc", "'/etc' is no file."),
    ],
)
def test_a_wrong_value_names_the_nearest(option: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        Catalogue().target(f"kvm:{option}")
    assert f"{caught.value.message} {caught.value.remedy}".startswith(said)


@pytest.mark.parametrize(
    ("pages", "size", "error", "said"),
    [
        ("1G", 512 * MEBIBYTE, InputError, "512 MiB are no whole number of pages of 1G. Use --memory 1G."),
        ("2M", 2**40, HostError, "A guest of 1048576 MiB takes 524288 huge pages; 0 are free. Run `sysctl vm.nr_hug"),
    ],
)
def test_a_guest_takes_whole_huge_pages_and_no_more_than_there_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, pages: str, size: int, error: type[VbenchError], said: str
) -> None:
    monkeypatch.setattr(qemu_devices, "POOLS", Path("/sys/kernel/mm/none"))
    with bench.host.place("kvm") as place, pytest.raises(error) as caught:
        check_pages(pages, size, place)
    assert f"{caught.value.message} {caught.value.remedy}".startswith(said)


def test_memory_on_huge_pages_is_made_of_them_before_the_guest_starts() -> None:
    words = " ".join(memory(None, 512, "2M"))
    assert "memory-backend-memfd,id=ram,size=512M,hugetlb=on,hugetlbsize=2M,prealloc=on" in words
    assert "memory-backend=ram" in words


def facts(emulated: str, disk: str, card: str) -> list[Fact]:
    return [Fact(EMULATED_GUEST, emulated), Fact(GUEST_DISK, disk), Fact(GUEST_CARD, card)]


def test_devices_are_not_compared_under_emulation_and_a_cell_says_why() -> None:
    for emulated in ("yes", "no"):
        base, new = facts(emulated, "virtio-blk", "virtio-net"), facts(emulated, "ahci", "virtio-net")
        said = voids(base, new, "disk.randread", "kvm", "on kvm:disk=ahci")
        assert len(said) == (emulated == "yes")
        assert not voids(base, new, "network.latency"), "the cards are the same"
        assert not voids(base, new, "cpu.primes")
        assert not voids([], new, "disk.randread"), "bare has no devices of a guest"
    assert said == ()
    (said_why,) = voids(facts("yes", "virtio-blk", "e1000"), facts("yes", "ahci", "e1000"), "disk.fsync", "a", "on b")
    assert said_why == f"guest.disk is virtio-blk on a and ahci on b: {FREE_EXITS}"


def test_a_comparison_has_a_name() -> None:
    for comparison in COMPARISONS.values():
        for name in (comparison.base, comparison.new):
            assert Catalogue().target(name).name == name
    with pytest.raises(InputError) as caught:
        named("device")
    assert caught.value.remedy == "Did you mean 'devices'?"
