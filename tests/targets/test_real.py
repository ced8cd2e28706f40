"""Real ways in: what is inside is what was asked for, and nothing of it is left."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.targets.entering import (
    MEBIBYTE,
    MEMORY,
    ROOT,
    SETTINGS,
    Bench,
    ask,
    memory_limit_of,
    pinned_to,
    reaches_the_peer,
)
from vbench.targets.restore import open_restored, plant

pytestmark = pytest.mark.skipif(not ROOT, reason="the network, the limits and podman need root")


def test_bare_is_confined_and_cannot_change_the_image(bench: Bench) -> None:
    with bench.enter("bare") as bare:
        assert pinned_to(bare) == str(bench.host.target_cpus[0])
        assert memory_limit_of(bare.pipe.process.pid) == MEMORY
        assert not bare.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(bare, "echo x > /data/y; echo z > /tmp/w; cat /data/y") == "x"
        assert bare.place.address in ask(bare, "ip address show dev vbr0")
        assert bare.accelerator is None
    assert not Path(bench.host.image.rootfs, "etc/changed").exists()


@pytest.mark.parametrize(
    ("name", "variables"), [("own", "HOP=1"), ("rooted", "ROOTED=1"), ("own/own", "HOP=1"), ("rooted/own", "HOP=1")]
)
def test_ways_of_the_users_own_compose(bench: Bench, name: str, variables: str) -> None:
    with bench.enter(name) as instance:
        assert len(instance.entries) == name.count("/") + 1
        assert variables in ask(instance, "tr '\\0' '\\n' < /proc/$PPID/environ")
        assert pinned_to(instance) == str(bench.host.target_cpus[0])
        assert memory_limit_of(instance.pipe.process.pid) == MEMORY + 384 * MEBIBYTE * name.count("/")
        assert ask(instance, "echo x > /data/y; cat /data/y") == "x"


def test_bare_in_bare(bench: Bench) -> None:
    with bench.enter("bare/bare") as instance:
        assert ask(instance, "echo x > /data/y; cat /data/y") == "x"
        assert not instance.pipe.exec(["touch", "/etc/changed"]).ok


@pytest.mark.real
def test_podman_has_the_limits_and_an_address(bench: Bench) -> None:
    with bench.enter("podman") as podman:
        assert pinned_to(podman) == str(bench.host.target_cpus[0])
        pids = [int(pid.name) for pid in Path("/proc").glob("[0-9]*") if "libpod" in _read(pid / "cgroup")]
        assert MEMORY in {memory_limit_of(pid) for pid in pids}
        assert reaches_the_peer(podman)
        assert ask(podman, "echo x > /data/y; cat /data/y") == "x"
        assert ask(podman, "cat /proc/1/comm").startswith("python3")
        assert "volatile" not in ask(podman, "grep ' / ' /proc/mounts")  # an fsync there is one
        assert podman.accelerator is None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@pytest.mark.real
def test_a_guest_has_what_was_asked_for_and_stands_still_when_it_is_frozen(bench: Bench) -> None:
    with bench.enter("kvm") as guest:
        assert guest.accelerator in ("tcg", "kvm")
        assert ("emulated" in guest.place.labels) == (guest.accelerator == "tcg")
        assert ask(guest, "nproc") == "1"
        total = int(ask(guest, "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")) * 1024
        assert 0.6 * MEMORY < total < MEMORY
        assert reaches_the_peer(guest)
        assert ask(guest, "echo x > /data/y; grep ' /data ' /proc/mounts").startswith("/dev/vdb /data ext4")
        assert not guest.pipe.exec(["touch", "/etc/changed"]).ok
        status = Path(f"/proc/{guest.pipe.process.pid}/status").read_text()
        assert f"Cpus_allowed_list:\t{bench.host.target_cpus[0]}\n" in status
        before = float(ask(guest, "cut -d' ' -f1 /proc/uptime"))
        guest.freeze()
        subprocess.run(["sleep", "4"], check=True)
        guest.thaw()
        assert float(ask(guest, "cut -d' ' -f1 /proc/uptime")) - before < 4


@pytest.mark.real
def test_a_guest_in_a_guest(bench: Bench) -> None:
    with bench.enter("kvm/kvm") as inner:
        assert inner.accelerator is not None
        outer, _, kind = inner.accelerator.partition("/")
        assert outer in ("tcg", "kvm")
        assert kind in ("tcg", "kvm")
        assert ask(inner, "nproc") == "1"
        total = int(ask(inner, "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")) * 1024
        assert 0.6 * MEMORY < total < MEMORY
        assert reaches_the_peer(inner)
        assert ask(inner, "echo x > /data/y; cat /data/y") == "x"


@pytest.mark.real
@pytest.mark.parametrize("name", ["kvm", "kvm/kvm"])
def test_one_seed_gives_many_guests(bench: Bench, name: str) -> None:
    target, ledger = bench.catalogue.target(name), bench.host.ledger
    with bench.host.place(name) as place, plant(target, place, SETTINGS, ledger) as seed:
        for number in (1, 2):
            with bench.host.place(name) as fresh, open_restored(seed, fresh, SETTINGS, ledger) as guest:
                assert guest.restored
                assert guest.accelerator == "/".join(seed.inside.accelerators)
                assert ask(guest, f"ls /data | grep y; echo {number} > /data/y; cat /data/y") == str(number)
                assert reaches_the_peer(guest)
    assert not list(Path("/dev/shm").glob(f"vbench-*-{os.getpid()}-*"))  # noqa: S108
