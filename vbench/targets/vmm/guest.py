"""What the small virtual machine monitors share: what they need, what their guests are made of, and the way in.

They have no virtio serial port. In their guests the agent calls the host by vsock (port `CALL`), the monitor passes the
call on to the unix socket SOCKET_CALL, and there our relay answers.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vbench.agent.first import CALL
from vbench.errors import HostError
from vbench.model import Missing
from vbench.probes.matters import EMULATED_GUEST, GUEST_CARD, GUEST_DISK
from vbench.targets import accelerator, pinning
from vbench.targets import qemu_boot as boot
from vbench.targets.hop import Entry
from vbench.targets.network import add_tap, mac_address
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place
from vbench.targets.qemu import COMMON, data_disk, mitigations, settle
from vbench.targets.spawn import run
from vbench.targets.vmm import relay

CID = 3  # the guest's number; every monitor has a socket of its own, so that all guests may have the same
MODULES = ("virtio_blk", "ext4", "vmw_vsock_virtio_transport")  # beside the one of the bus


@dataclass(frozen=True)
class Guest:
    """What a monitor is told of a guest; `memory` in MiB, `tap` is "" without a network."""

    cpus: int
    memory: int
    kernel: str
    initramfs: str
    parameters: str
    root: str
    data: str
    socket: str
    tap: str
    mac: str


def lacking(program: str, oldest: tuple[int, int], bus: str, outer: tuple[str, ...]) -> list[Missing]:
    """Return what this machine lacks: the program in a release not before `oldest`, a bus's module, a proven KVM."""
    if outer:
        return [Missing(f"{program} in the workload image", f"make {program} the first hop")]
    if shutil.which(program) is None:
        return [Missing(program, f"put the '{program}' of its release into a folder of PATH")]
    if version(program) < oldest:
        return [Missing(f"{program} {'.'.join(map(str, oldest))} or later", "install a newer release")]
    proof = accelerator.known()
    if proof.accelerator != "kvm":
        return [Missing(f"KVM ({proof.reason})", "turn virtualization on, then vbench probe --prove")]
    return boot.missing(boot.IMAGE, (bus, *MODULES))


def version(program: str) -> tuple[int, ...]:
    """Return the first two numbers of a program's version; (0,) where it tells none."""
    try:
        found = re.search(rb"v(\d+)\.(\d+)", run([program, "--version"]))
    except HostError:
        return (0,)
    return tuple(map(int, found.groups())) if found else (0,)


def prepare(place: Place, settings: Settings, stack: ExitStack, bus: str, *parameters: str) -> Guest:
    """Make a guest's initramfs, disk and tap; `bus` is the module of the bus that its devices are on."""
    return Guest(
        cpus=settings.cpus,
        memory=settings.memory // 2**20,
        kernel=place.kernel,
        initramfs=initramfs(place, bus),
        parameters=" ".join([*COMMON, *parameters, *mitigations()]),
        root=place.disk,
        data=data_disk(place),
        socket=place.path("vsock"),
        tap=add_tap(place, stack) if place.address else "",
        mac=mac_address(place),
    )


def initramfs(place: Place, bus: str) -> str:
    """Write an initramfs that loads the modules of a bus and of the vsock, which those of QEMU's guests do without."""
    modules = boot.modules_of(place, boot.kernel(place, boot.IMAGE), (bus, *MODULES))
    return boot.initramfs(place, place.initramfs, modules)


def wire(place: Place, socket: str) -> list[str]:
    """Return the argv prefix of a monitor that answers its guest's call at SOCKET_CALL."""
    script = place.path("relay.py")
    place.put(script, Path(relay.__file__).read_bytes())
    python = PYTHON if place.depth else (sys.executable, *PYTHON[1:])  # another python3 may come first in our PATH
    return [*python, script, f"{socket}_{CALL}"]


def entry(place: Place, guest: Guest, argv: Sequence[str], cache: str) -> Entry:
    """Return the entry of a guest that `argv` runs; `cache` says how its data reaches the disk."""

    def inside(pipe: Pipe) -> Place:
        return inner_place(
            place,
            pipe,
            disk="/dev/vda",
            data="/dev/vdb",
            disk_path=f"ext4 on virtio-blk ({cache}) on {place.disk_path}",
            network_path=f"virtio-net on tap on {place.network_path}",
            cpus=tuple(range(guest.cpus)),
            accelerators=(*place.accelerators, "kvm"),
            facts={GUEST_DISK: "virtio-blk", GUEST_CARD: "virtio-net", EMULATED_GUEST: "no"},
        )

    return Entry(
        [*place.tools(), *wire(place, guest.socket), *argv],
        inside,
        settle,
        pin=lambda pid: pinning.pin(pid, place.cpus),
        image=lambda: (guest.root, guest.kernel, place.initramfs),
        hello_seconds=accelerator.patience("kvm", place),
        patience=0,  # a guest's disks are passing, so there is nothing to wait for
    )
