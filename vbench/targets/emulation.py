"""A guest whose processor QEMU emulates whatever this machine can do, with virtio devices: what such hops share."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from vbench.probes.matters import EMULATED_GUEST, GUEST_CARD, GUEST_DISK
from vbench.targets import accelerator, pinning
from vbench.targets.hop import Entry
from vbench.targets.monitor import Monitor
from vbench.targets.network import wire_up
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings, inner_place
from vbench.targets.qemu import card, data_disk, settle
from vbench.targets.qemu_devices import BY_ID, CARDS, DATA, DISKS, ROOT, disks, memory

DISK, CARD = "virtio-blk", "virtio-net"
LABEL, KIND = "emulated", "tcg"


@dataclass(frozen=True)
class Board:
    """What is emulated, in QEMU's words; `serial` connects the character device `console` to the guest's console."""

    emulator: str
    machine: str
    cpu: str
    serial: tuple[str, ...]
    memory: int  # MiB


def guest(
    board: Board,
    boots: Sequence[str],
    place: Place,
    settings: Settings,
    stack: ExitStack,
    *,
    image: tuple[str, ...],
    ready: Callable[[Pipe], object] = lambda _pipe: None,
) -> Entry:
    """Return the entry of a guest that starts by QEMU's options `boots`.

    `image` are the files that it boots from, and `ready` is done once its agent has said hello.
    """
    disk = data_disk(place)
    wire = wire_up(place, "", stack) if place.address else None
    monitor = Monitor(place.path("qmp"))
    stack.callback(monitor.close)
    words = [*command(board, place, settings, disk), *boots, *card(CARD, place, wire), "-qmp", monitor.server]

    def inside(pipe: Pipe) -> Place:
        ready(pipe)
        return inner_place(
            place,
            pipe,
            disk=f"{BY_ID}/{ROOT}",
            data=f"{BY_ID}/{DATA}",
            disk_path=f"ext4 on {DISK} (cache=none) on {place.disk_path}",
            network_path=f"{CARD} on {wire.kind if wire else 'tap'} on {place.network_path}",
            address=wire.address if wire else "",
            gateway=wire.gateway if wire else "",
            card=CARDS[CARD].module,
            cpus=tuple(range(settings.cpus)),
            labels=(*place.labels, LABEL),
            accelerators=(*place.accelerators, KIND),
            facts={GUEST_DISK: DISK, GUEST_CARD: CARD, EMULATED_GUEST: "yes"},
        )

    return Entry(
        [*place.tools(), *words],
        inside,
        settle,
        freeze=lambda: monitor.execute("stop"),
        thaw=lambda: monitor.execute("cont"),
        pin=lambda pid: pinning.pin(pid, place.cpus),
        image=lambda: (place.disk, *image),
        hello_seconds=accelerator.patience(KIND, place),
        patience=0,
    )


def command(board: Board, place: Place, settings: Settings, disk: str) -> list[str]:
    """Return QEMU's command line without its network and without what it boots."""
    return [
        *(board.emulator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", *pinning.NAMED),
        *("-machine", board.machine, "-accel", KIND, "-cpu", board.cpu, "-smp", str(settings.cpus)),
        *memory(None, board.memory),
        *("-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial"),
        *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
        *("-chardev", "file,id=console,path=/proc/self/fd/2", *board.serial),
        *disks(DISKS[DISK], place.disk, disk),
    ]
