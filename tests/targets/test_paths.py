"""Paths of hops: any container around a guest, guests in guests, vCPUs in their place, and what is said of no way."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.process import soon
from tests.targets.entering import MEBIBYTE, MEMORY, ROOT, SETTINGS, Bench, ask, memory_limit_of, reaches_the_peer
from vbench.model import Missing
from vbench.run.cost_behind import processes_of
from vbench.targets import accelerator, handover, pinning
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.qemu import EMULATOR

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="namespaces of these tools need root")]
CPUS = tuple(sorted(os.sched_getaffinity(0)))[-2:]
two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="two vCPUs on a CPU each take two CPUs")


def affinities(pid: int) -> Mapping[str, str]:
    """Where each thread of a process may run, by the thread's name, as the kernel says."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        found[(thread / "comm").read_text().strip()] = next(line.split()[1] for line in lines if "allowed_list" in line)
    return found


@two_cpus
def test_every_vcpu_has_its_own_cpu(bench: Bench) -> None:
    target, two = bench.catalogue.target("kvm"), replace(SETTINGS, cpus=2)
    with (
        bench.host.place("kvm") as place,
        open_target(target, replace(place, cpus=CPUS), two, bench.host.ledger) as guest,
    ):
        pid = guest.pipe.process.pid
        seen = {name: cpus for name, cpus in affinities(pid).items() if name.startswith("CPU ")}
        assert sorted(seen.values()) == [str(cpu) for cpu in CPUS]
        assert guest.vcpus == {0: CPUS[:1], 1: CPUS[1:]}
        assert pinning.described(guest.vcpus) == f"vCPU 0 on {CPUS[0]}, vCPU 1 on {CPUS[1]}"
        assert os.sched_getaffinity(pid) == set(CPUS), "QEMU's other threads"
        assert ask(guest, "nproc") == "2"


@two_cpus
def test_a_shell_beside_qemu_pins_where_nobody_else_can() -> None:
    machine = ["-machine", "microvm", "-accel", "tcg", "-smp", "2", "-nodefaults", "-display", "none", "-S"]
    argv = [*pinning.beside(CPUS[::-1]), EMULATOR, *pinning.NAMED, *machine]
    wanted = {"CPU 0/TCG": str(CPUS[1]), "CPU 1/TCG": str(CPUS[0])}
    process = subprocess.Popen(argv)
    try:
        assert soon(lambda: wanted.items() <= affinities(process.pid).items()), affinities(process.pid)
    finally:
        process.kill()
        process.wait()
    assert pinning.beside(CPUS[:1]) == [], "one CPU is all that its threads may have already"


@pytest.mark.parametrize("around", ["bwrap", "podman"])
def test_a_guest_in_a_container(bench: Bench, around: str) -> None:
    with bench.enter(f"{around}/kvm") as guest:
        assert len(guest.entries) == 2
        assert guest.accelerator in ("tcg", "kvm")
        assert reaches_the_peer(guest)
        assert "tap on veth" in guest.place.network_path
        assert ask(guest, "echo x > /data/y; cat /data/y") == "x"
        assert not guest.pipe.exec(["touch", "/etc/changed"]).ok
        total = int(ask(guest, "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")) * 1024
        assert 0.6 * MEMORY < total < MEMORY
        (qemu,) = (pid for pid in processes_of(guest.pipe) if comm(pid).startswith("qemu-system"))
        assert memory_limit_of(qemu) == MEMORY + 384 * MEBIBYTE


@pytest.mark.slow
@pytest.mark.parametrize("around", ["bare", "unshare", "nspawn", "lxc", "runc", "crun"])
def test_any_container_may_be_around_a_guest(bench: Bench, around: str) -> None:
    with bench.enter(f"{around}/kvm") as guest:
        assert reaches_the_peer(guest)
        assert ask(guest, "echo x > /data/y; cat /data/y") == "x"


@pytest.mark.slow
@pytest.mark.parametrize("inner", ["bwrap", "crun", "podman"])
def test_a_container_in_a_guest(bench: Bench, inner: str) -> None:
    with bench.enter(f"kvm/{inner}") as box:
        assert box.accelerator in ("tcg", "kvm")
        assert reaches_the_peer(box)
        assert ask(box, "echo x > /data/y; cat /data/y") == "x"
        assert str(MEMORY) in ask(
            box, "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/vbench-*/memory.max 2>/dev/null; :"
        )
        assert box.place.warnings == []
        root = ask(box, "grep ' / ' /proc/mounts")
        assert "volatile" not in root
        assert "upperdir=/data" in root or "overlay" not in root, "what is written goes to the disk"


@pytest.mark.slow
def test_three_hops_deep(bench: Bench) -> None:
    with bench.enter("kvm/kvm/bwrap") as inner:
        assert len(inner.entries) == 3
        assert inner.accelerator is not None
        assert inner.accelerator.count("/") == 1
        assert ask(inner, "cat /proc/1/comm") == "bwrap"
        assert ask(inner, "echo x > /data/y; cat /data/y") == "x"
        assert reaches_the_peer(inner)
        job = inner.pipe.exec(["sysbench", "cpu", "--cpu-max-prime=1000", "--time=1", "run"])
        assert job.ok
        assert "events per second:" in job.stdout


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def test_a_path_that_cannot_be_gone_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue()
    lacking = catalogue.target("gvisor/kvm").missing()
    assert [lack.what for lack in lacking][-1:] == ["the devices of a guest inside 'gvisor'"]
    assert lacking[-1].fix == handover.FIX
    monkeypatch.setattr(accelerator, "missing_nesting", lambda: [Missing("nesting", "switch it on")])
    assert "nesting" in [lack.what for lack in catalogue.target("kvm/bwrap/kvm").missing()]
    assert "nesting" not in [lack.what for lack in catalogue.target("bwrap/kvm").missing()]


LIVE = "live\n"  # what a module says that can be taken out again


@pytest.mark.parametrize(
    ("module", "nested", "initstate", "fix"),
    [
        ("kvm_amd", "1\n", LIVE, None),
        ("kvm_intel", "Y\n", LIVE, None),
        ("kvm_amd", "0\n", LIVE, "modprobe -r kvm_amd && modprobe kvm_amd nested=1"),
        ("kvm_intel", "N\n", LIVE, "modprobe -r kvm_intel && modprobe kvm_intel nested=1"),
        ("kvm_intel", "N\n", "", "boot this machine with 'kvm_intel.nested=1' on its kernel's command line"),
        ("kvm_hv", "", "", "use a machine whose KVM can nest"),
    ],
)
def test_nesting_that_is_off_is_said_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, nested: str, initstate: str, fix: str | None
) -> None:
    """On a machine whose KVM was seen to work: this one's does not boot guests, so that it is told so."""
    (tmp_path / module / "parameters").mkdir(parents=True)
    for name, content in (("parameters/nested", nested), ("initstate", initstate)):
        if content:
            (tmp_path / module / name).write_text(content)
    monkeypatch.setattr(accelerator, "SYS", tmp_path)
    monkeypatch.setattr(accelerator, "known", lambda: accelerator.Proof("kvm", "a guest booted under KVM", booted=True))
    assert [lack.fix for lack in accelerator.missing_nesting()] == ([fix] if fix else [])
