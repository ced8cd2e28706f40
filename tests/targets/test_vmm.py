"""Firecracker and Cloud Hypervisor, which no machine of this project can run: all of their way in but themselves.

The relay is real, and so is the guest's end: a guest in a guest with Firecracker's devices (a memory-mapped bus that
ACPI tells of, and a vsock) calls its host. What is left to play is the monitor's own part, from vsock to unix socket.
"""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from tests.agent.process import soon
from tests.targets.entering import MEBIBYTE, ROOT, SETTINGS, Bench, ask
from vbench.agent.first import CALL
from vbench.model import Missing
from vbench.targets import accelerator
from vbench.targets.accelerator import Proof
from vbench.targets.catalogue import Target
from vbench.targets.chain import open_target
from vbench.targets.hop import Entry, Hop
from vbench.targets.pinning import pin
from vbench.targets.place import PYTHON, Place, Settings, inner_place
from vbench.targets.qemu import COMMON, EMULATOR, MODEL, Qemu
from vbench.targets.vmm import VMMS
from vbench.targets.vmm import relay as program
from vbench.targets.vmm.cloud_hypervisor import CloudHypervisor
from vbench.targets.vmm.firecracker import BUS, PARAMETERS, Firecracker
from vbench.targets.vmm.guest import CID, initramfs, wire

ECHO = """
import os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect(sys.argv[1])
print("the console of", os.getpid(), flush=True)
while data := call.recv(65536):
    call.sendall(data)
"""
# What Firecracker does inside: a guest's call to the host goes on to a unix socket.
HYBRID = """
import socket, subprocess, sys, threading
def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
door = socket.socket(socket.AF_VSOCK)
door.bind((socket.VMADDR_CID_ANY, int(sys.argv[1])))
door.listen(1)
subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *sys.argv[3:]])
guest, _ = door.accept()
host = socket.socket(socket.AF_UNIX)
host.connect(sys.argv[2])
threading.Thread(target=copy, args=(host, guest), daemon=True).start()
copy(guest, host)
"""


def relayed(folder: Path, script: str) -> list[str]:
    """The argv of a relay before a Python script, whose argument is the socket."""
    path = str(folder / "vsock_1")
    return [sys.executable, "-I", "-S", program.__file__, path, sys.executable, "-c", script, path]


def test_the_relay_is_a_wire_for_every_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    done = subprocess.run(relayed(tmp_path, ECHO), input=data, capture_output=True, timeout=60, check=True)
    assert done.stdout == data
    assert done.stderr.startswith(b"the console")


def test_a_monitor_that_ends_before_its_guest_called_ends_the_wire(tmp_path: Path) -> None:
    script = "import sys; print('no such kernel'); sys.exit(3)"
    done = subprocess.run(relayed(tmp_path, script), input=b"", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"no such kernel\n")


def test_the_relay_ends_with_its_monitor(tmp_path: Path) -> None:
    argv, pipe = relayed(tmp_path, ECHO), subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().split()[-1] == str(process.pid).encode(), "the first process is the monitor"
        (relay,) = psutil.Process(process.pid).children()
        process.kill()
        assert process.stdout.read() == b""
    assert soon(lambda: not relay.is_running())


@pytest.mark.parametrize(("name", "pinned"), [("fc_vcpu 0", True), ("vcpu0", True), ("fc_vmm", False)])
def test_a_vcpu_is_pinned_whoever_runs_it(name: str, *, pinned: bool) -> None:
    script = f"open('/proc/thread-self/comm', 'w').write('{name}'); print('named', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"named\n"
        cpu = max(os.sched_getaffinity(process.pid))
        assert pin(process.pid, [cpu]) == ({0: (cpu,)} if pinned else {})
        assert os.sched_getaffinity(process.pid) == ({cpu} if pinned else os.sched_getaffinity(0))
        process.communicate(b"\n", 60)


@pytest.mark.parametrize(("hop", "version"), [(Firecracker(), "Firecracker v1.7.0"), (CloudHypervisor(), "x v50.2.0")])
def test_what_a_monitor_lacks_is_named(hop: Hop, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(says: str, proof: Proof) -> list[str]:
        program = tmp_path / hop.name
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        monkeypatch.setattr(accelerator, "known", lambda: proof)
        return [lack.what for lack in hop.missing(())]

    proven, refused = Proof("kvm", "a guest booted under KVM"), Proof("tcg", "there is no /dev/kvm")
    assert [lack.what for lack in hop.missing(())] == [hop.name]
    assert [lack.what for lack in hop.missing(("kvm",))] == [f"{hop.name} in the workload image"]
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert all("or later" in what for what in lacking(version, proven))
    assert len(lacking(version, proven)) == len(lacking("something else", proven)) == 1
    assert lacking("v99.0", refused) == ["KVM (there is no /dev/kvm)"]
    assert lacking("v99.0", proven) == []


@pytest.mark.skipif(not ROOT, reason="a tap needs root")
@pytest.mark.parametrize("hop", VMMS, ids=lambda hop: hop.name)
def test_a_guest_is_described_by_what_is_there(bench: Bench, hop: Hop) -> None:
    with bench.host.place(hop.name) as place, ExitStack() as stack:
        entry = hop.enter(place, SETTINGS, stack)
        file = Path(place.path("firecracker.json"))
        told = file.read_text() if file.exists() else " ".join(entry.argv)
        root, kernel, _base = entry.image()
        for path in (root, kernel, place.path("initrd"), f"{place.data}/disk.ext4"):
            assert path in told
            assert Path(path).stat().st_size > MEBIBYTE
        assert Path(kernel).read_bytes()[:4] == b"\x7fELF"
        assert f"{place.path('vsock')}_{CALL}" in entry.argv
        assert place.path("vsock") in told
        assert b"vbtap" in place.run(["ip", "-n", place.netns, "-brief", "link"])
        assert "vbtap" in told


@dataclass(frozen=True)
class Stand:
    """QEMU with Firecracker's devices behind the relay, inside a guest: only there a kernel takes calls by vsock."""

    name: ClassVar[str] = "stand"
    takes_devices: ClassVar[bool] = True

    def missing(self, _outer: tuple[str, ...]) -> list[Missing]:
        return []

    def enter(self, place: Place, settings: Settings, _stack: ExitStack) -> Entry:
        kind = accelerator.choose(place, "auto")
        place.run(["modprobe", "vhost_vsock"])
        socket = place.path("vsock")
        machine = ["-machine", "microvm,acpi=on,pcie=off,rtc=on,auto-kernel-cmdline=off", "-accel", kind]
        machine += ["-cpu", MODEL[kind], "-m", str(settings.memory // MEBIBYTE), "-kernel", place.kernel]
        machine += ["-initrd", initramfs(place, BUS), "-append", " ".join([*COMMON, *PARAMETERS])]
        devices = ["-drive", f"file={place.disk},format=raw,if=none,id=root,readonly=on"]
        devices += ["-device", "virtio-blk-device,drive=root", "-device", f"vhost-vsock-device,guest-cid={CID}"]
        devices += ["-serial", "file:/proc/self/fd/2", "-nodefaults", "-no-user-config", "-display", "none"]
        monitor = [*PYTHON, "-c", HYBRID, str(CALL), f"{socket}_{CALL}", EMULATOR, *machine, *devices]
        return Entry(
            [*wire(place, socket), *monitor],
            lambda pipe: inner_place(place, pipe, accelerators=(*place.accelerators, kind)),
            hello_seconds=accelerator.patience(kind, place),
        )


@pytest.mark.real
@pytest.mark.zoo  # a guest in a guest
@pytest.mark.skipif(not ROOT, reason="the network needs root")
def test_a_guest_without_a_serial_port_calls_by_vsock(bench: Bench) -> None:
    target = Target("kvm/stand", (Qemu(), Stand()))
    with bench.host.place("kvm") as place, open_target(target, place, SETTINGS, bench.host.ledger) as guest:
        assert not ask(guest, "ls /dev | grep vport; true")
        assert "LNRO0005" in ask(guest, "readlink -f /sys/block/vda/device")
        assert "virtio_mmio" in ask(guest, "lsmod")
        data = os.urandom(MEBIBYTE)
        path = guest.place.path("data")
        guest.pipe.put(path, data)
        assert guest.pipe.get(path) == data
