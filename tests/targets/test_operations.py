"""Operations on a real guest: it moves, goes back, and gets disks, and is the same guest all the while."""

import os
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import psutil
import pytest

from tests.run.command import Home, leftovers
from tests.targets.entering import MEBIBYTE, ROOT, SETTINGS, Bench, ask
from vbench.errors import InputError, TargetError
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.run.machine import machine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance
from vbench.targets.interruption import Interruption, watched
from vbench.targets.network import PEER
from vbench.targets.operations import control_of, migrate, restore, snapshot
from vbench.targets.operations_disks import plug, unplug

pytestmark = [
    pytest.mark.real,
    pytest.mark.zoo,  # of some hundred live moves under emulation one ends a guest, and nobody knows why
    pytest.mark.skipif(not ROOT, reason="the network of a guest needs root"),
]
CPUS = min(2, len(os.sched_getaffinity(0)))  # with one a vCPU has nowhere else to go
STOP = 2.0  # seconds, many times what a job waits for its turn


@pytest.fixture(scope="module")
def lab(shared_home: Home, image: Image) -> Iterator[Bench]:
    """As `bench`, but one for all tests here: a boot costs more than what is done to a guest."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shared_home.environment().items():
            if name.startswith(("XDG_", "VBENCH_")):
                patch.setenv(name, value)
        with Ledger() as ledger, machine(image, ledger, CPUS, wired=True) as host:
            yield Bench(host, Catalogue())
            made = [line for line in shared_home.started() if "kind" in line]
        assert {"process", "netns", "folder"} <= {entry["kind"] for entry in made}
        assert not leftovers(shared_home, made)


@pytest.fixture(scope="module")
def guest(lab: Bench) -> Iterator[Instance]:
    with lab.enter("kvm:slots=1", replace(SETTINGS, cpus=CPUS)) as guest:
        yield guest


def boot_id(guest: Instance) -> str:
    return ask(guest, "cat /proc/sys/kernel/random/boot_id")


def reaches(guest: Instance, address: str) -> bool:
    return guest.pipe.exec(["busybox", "ping", "-c", "1", "-W", "5", address]).ok


def pinned(guest: Instance) -> dict[int, tuple[int, ...]]:
    """Where the threads of the vCPUs may run now, by QEMU's own account of which they are."""
    cpus = control_of(guest).monitor.execute("query-cpus-fast")
    return {cpu["cpu-index"]: tuple(sorted(os.sched_getaffinity(cpu["thread-id"]))) for cpu in cpus}


def plausible(cost: Interruption) -> bool:
    return all(0 <= seconds < 60 for seconds in astuple(cost)) and cost.downtime <= cost.total


def test_a_guest_that_moves_is_the_same_guest(guest: Instance) -> None:
    boot = boot_id(guest)
    for number, live in (("first", True), ("second", False)):
        ask(guest, f"echo {number} >/data/x; echo {number} >/run/x")
        before = psutil.Process(guest.pipe.process.pid)
        cost = migrate(guest, live=live)
        assert plausible(cost)
        assert (cost.downtime == cost.total) == (not live)
        assert cost.seen > 0 < cost.felt
        assert guest.pipe.process.pid != before.pid
        assert not before.is_running()
        assert pinned(guest) == guest.vcpus
        assert boot_id(guest) == boot
        assert ask(guest, "cat /data/x /run/x") == f"{number}\n{number}"
        assert ask(guest, "echo more >>/data/x; sync; tail -n 1 /data/x") == "more"
        assert reaches(guest, PEER)
    guest.freeze()
    guest.thaw()
    assert boot_id(guest) == boot


def test_a_guest_that_cannot_move_goes_on_where_it_was(guest: Instance) -> None:
    boot, pid = boot_id(guest), guest.pipe.process.pid
    argv = guest.entries[0].argv
    initrd = Path(argv[argv.index("-initrd") + 1])
    away = initrd.rename(f"{initrd}.away")
    with pytest.raises(TargetError) as caught:
        migrate(guest)
    away.rename(initrd)
    assert "initrd" in caught.value.console
    assert (boot_id(guest), guest.pipe.process.pid) == (boot, pid)


def test_a_snapshot_brings_back_memory_and_disk(guest: Instance) -> None:
    boot, pid = boot_id(guest), guest.pipe.process.pid
    ask(guest, "echo before | tee /data/x >/run/x")
    saved = snapshot(guest)
    ask(guest, "echo after | tee /data/x >/run/x; echo new >/data/y; sync")
    for _ in range(2):
        cost = restore(guest, saved)
        assert plausible(cost)
        assert boot_id(guest) == boot
        assert guest.pipe.process.pid != pid
        assert ask(guest, "cat /data/x /run/x; ls /data/y 2>/dev/null || true") == "before\nbefore"
        assert reaches(guest, PEER)
        ask(guest, "echo again | tee /data/x >/run/x; sync")
    assert plausible(saved.cost)
    assert Path(saved.state).stat().st_size > MEBIBYTE


def test_a_disk_comes_and_goes(guest: Instance) -> None:
    for _ in range(2):
        disk = plug(guest, 64 * MEBIBYTE)
        assert plausible(disk.cost)
        block = Path(disk.device).name
        assert ask(guest, f"cat /sys/block/{block}/serial") == disk.name
        assert int(ask(guest, f"cat /sys/block/{block}/size")) * 512 == 64 * MEBIBYTE
        ask(guest, f"echo written | dd of={disk.device} conv=fsync 2>/dev/null")
        assert Path(disk.file).read_bytes()[:8] == b"written\n"
        with pytest.raises(InputError, match="no empty slot") as caught:
            plug(guest, MEBIBYTE)
        assert "slots=2" in caught.value.remedy
        with pytest.raises(InputError, match="was plugged in"):
            migrate(guest)
        assert plausible(unplug(guest, disk))
        assert not guest.pipe.exec(["test", "-e", f"/sys/block/{block}"]).ok
        assert not Path(disk.file).exists()


def test_a_guest_that_stood_still_did_not_feel_it_and_was_seen_to(guest: Instance) -> None:
    monitor = control_of(guest).monitor
    with watched(guest.pipe) as watch:
        monitor.execute("stop")
        time.sleep(STOP)
        monitor.execute("cont")
        cost = watch.end(STOP, STOP)
    assert cost.felt < STOP * 0.75 < cost.seen


def test_slots_are_where_disks_can_come() -> None:
    lacking = [Catalogue().target(name).missing() for name in ("kvm:machine=pc:slots=1", "bwrap/kvm:slots=1")]
    assert ["slots" in one.fix for each in lacking for one in each] == [True, True]


def test_only_a_guest_on_this_host_can_be_moved(lab: Bench) -> None:
    with lab.enter("bare") as bare:
        for operation in (migrate, snapshot, lambda instance: plug(instance, MEBIBYTE)):
            with pytest.raises(InputError, match="'bare' is no guest"):
                operation(bare)
