"""How fast things start: the command, a guest, a nested guest, and both from a memory snapshot."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from tests.bench.sides import Say, interleave, ratio_line
from vbench import image as image_room
from vbench.image import Image, cpio
from vbench.ledger import Ledger
from vbench.run.machine import Machine, machine
from vbench.targets import pyz, qemu
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.place import Settings
from vbench.targets.restore import open_restored, plant
from vbench.targets.spawn import spawn

pytestmark = pytest.mark.bench
ROUNDS = 10  # even: each side goes first in half of them
SETTINGS = Settings(accelerator="tcg")
# A guest of busybox alone that does not even mount its disk: the least that this command line can do.
FLOOR = b"""#!/bin/busybox sh
PATH=/bin
modprobe -a virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console
busybox mount -t devtmpfs dev /dev
until [ -c /dev/vport0p1 ]; do :; done
echo floor >/dev/vport0p1
busybox poweroff -f
"""


@pytest.fixture
def host(image: Image) -> Iterator[Machine]:
    """Two CPUs split between targets and us, and the network."""
    with Ledger() as ledger, machine(image, ledger, 1, wired=True) as found:
        yield found


def cold(host: Machine, name: str) -> float:
    """Return the seconds from the exec of the first hop to the last agent's hello."""
    with ExitStack() as stack:
        place = stack.enter_context(host.place(name))
        target = Catalogue().target(name)
        return stack.enter_context(open_target(target, place, SETTINGS, host.ledger)).seconds


def in_place_of_python() -> bytes:
    """Return our own init with busybox in Python's place: a guest of busybox alone on the same disk."""
    script = (Path(image_room.__file__).parent / "init.sh").read_text()
    kept = script[: script.index("# The agent's archive")]
    return (kept + "exec switch_root /root /bin/busybox sh -c 'echo floor >/dev/vport0p1'\n").encode()


def floor(host: Machine, init: bytes) -> float:
    """Return the seconds from the exec of QEMU to the first line of a guest that is busybox alone."""
    with ExitStack() as stack:
        place = stack.enter_context(host.place("kvm"))
        entry = qemu.Qemu().enter(place, SETTINGS, stack)
        initrd = Path(place.path("initrd"))
        agent = [cpio.file("agent.pyz", pyz.pack()), cpio.file("init", init, 0o755)]
        initrd.write_bytes(Path(place.initramfs).read_bytes() + cpio.archive(agent))
        started = time.monotonic()
        pipe = stack.enter_context(spawn(entry.argv, "floor", host.ledger, 0))
        pipe._line(started + 60, "said nothing")
        return time.monotonic() - started


@pytest.mark.parametrize("disk", [True, False], ids=["with its disk", "without a disk"])
def test_a_guest_starts_as_fast_as_busybox_alone(host: Machine, say: Say, disk: bool) -> None:
    init = in_place_of_python() if disk else FLOOR
    ours, floors = interleave(lambda: cold(host, "kvm"), lambda: floor(host, init), ROUNDS)
    which = "that mounts the same disk" if disk else "that mounts no disk"
    say(f"guest, exec of QEMU to hello, against busybox alone {which}", ratio_line(ours, floors), "ratio 1.15")


def test_a_nested_guest_starts(host: Machine, say: Say) -> None:
    seconds = [cold(host, "kvm/kvm") for _ in range(ROUNDS)]
    say("nested guest, exec to hello", f"{median(seconds):.2f} s, {ROUNDS} boots", "8 s")


@pytest.mark.parametrize(("name", "goal"), [("kvm", "0.3 s"), ("kvm/kvm", "0.5 s")])
def test_a_saved_guest_comes_back(host: Machine, say: Say, name: str, goal: str) -> None:
    target = Catalogue().target(name)
    seconds = []
    with host.place(name) as seeded, plant(target, seeded, SETTINGS, host.ledger) as seed:
        for _ in range(ROUNDS):
            with host.place(name) as place, open_restored(seed, place, SETTINGS, host.ledger) as instance:
                seconds.append(instance.seconds)
    say(f"{name} from a memory snapshot, exec to hello", f"{median(seconds):.3f} s, {ROUNDS} times", goal)


def elapsed(argv: list[str]) -> float:
    """Return the seconds that a command takes."""
    started = time.monotonic()
    subprocess.run(argv, check=True, capture_output=True)
    return time.monotonic() - started


def test_the_version_is_told_quickly(say: Say) -> None:
    vbench = str(Path(sys.executable).parent / "vbench")
    ours, typer = interleave(
        lambda: elapsed([vbench, "--version"]), lambda: elapsed([sys.executable, "-c", "import typer"]), 20
    )
    say("vbench --version against python -c 'import typer'", ratio_line(ours, typer), "ratio 2")


def test_the_agent_is_small(host: Machine, say: Say) -> None:
    with host.place("bare") as place, ExitStack() as stack:
        instance = stack.enter_context(open_target(Catalogue().target("bare"), place, SETTINGS, host.ledger))
        instance.pipe.exec(["true"])
        status = Path(f"/proc/{instance.pipe.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    say("the agent's resident memory after a job", f"{resident / 1024:.1f} MiB", "15 MiB")
    assert resident > 0
