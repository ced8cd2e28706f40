"""Operations on a running guest: live migration to a second QEMU on this host, snapshot and restore.

Each returns what it cost the guest. The open instance stays the same one: its pipe and its monitor go over to the new
QEMU, which lives as long as the instance does. Nothing may be asked of the agent meanwhile: what the host says while a
guest moves is lost with the QEMU that it leaves.
"""

import re
import shlex
import time
from contextlib import ExitStack
from dataclasses import dataclass

from vbench.errors import InputError, TargetError
from vbench.ledger import new_name
from vbench.targets.chain import Instance
from vbench.targets.interruption import Interruption, watched
from vbench.targets.monitor import SECONDS, Control, Monitor, devices, move
from vbench.targets.network import add_tap
from vbench.targets.pipe import Pipe
from vbench.targets.restore import last_words
from vbench.targets.spawn import spawn

DISK = "child<virtio-blk-pci>"  # as QEMU calls one that has a name, which only those have that came later
TAP = re.compile(r"(?<=\bifname=)[^,]+")
BANDWIDTH = 10 * 2**30  # bytes a second, which is no limit
MILLISECOND = 1e-3  # in which QEMU counts a downtime
IDLE = 0.002


@dataclass(frozen=True)
class Snapshot:
    """A guest's state and the copy of its data disk, as files of the host; `handle` is that of the job that ticks."""

    state: str
    disk: str
    handle: int
    cost: Interruption


def migrate(instance: Instance, *, live: bool = True) -> Interruption:
    """Move a running guest to a second QEMU on this host; where it is not `live`, it stands still for all of the move.

    Raises InputError where the instance is no guest on this host or has a disk that was plugged in, and TargetError
    where it could not be moved: it goes on where it was.
    """
    control = as_started(instance)
    with watched(instance.pipe) as watch:
        try:
            with ExitStack() as stack:
                pipe, monitor = second(instance, control, stack)
                with last_words(pipe):
                    total, downtime = _hand_over(control, monitor, live=live)
                go_over(instance, control, pipe, monitor)
                instance.stack.enter_context(stack.pop_all())
        except TargetError:
            control.monitor.execute("migrate_cancel")
            control.monitor.execute("cont")  # it stood still for the last of its memory
            raise
        return watch.end(total, downtime)


def snapshot(instance: Instance) -> Snapshot:
    """Save a guest with its data disk and let it go on; the files are gone with the instance. Raises as `migrate`."""
    control = as_started(instance)
    state, disk = (control.place.path(f"{new_name()}.{kind}") for kind in ("state", "disk"))
    with watched(instance.pipe) as watch:
        began = time.monotonic()
        control.monitor.execute("stop")
        try:
            control.place.run(["cp", control.disk, disk])
            move(control.monitor, "migrate", f"exec:cat >{shlex.quote(state)}")
        finally:
            control.monitor.execute("cont")
        took = time.monotonic() - began
        return Snapshot(state, disk, watch.handle, watch.end(took, took))


def restore(instance: Instance, saved: Snapshot) -> Interruption:
    """Put a guest back to what it was: what it did since is lost, on its disk too. A TargetError leaves no guest."""
    control = as_started(instance)
    with watched(instance.pipe) as watch:
        pipe, monitor = second(instance, control, instance.stack)
        began = time.monotonic()
        control.monitor.execute("stop")
        control.place.run(["cp", saved.disk, control.disk])
        go_over(instance, control, pipe, monitor)  # before the state comes: two cannot have the disk
        with last_words(instance.pipe):
            move(control.monitor, "migrate-incoming", f"exec:cat {shlex.quote(saved.state)}")
            control.monitor.execute("cont")
        took = time.monotonic() - began
        watch.handle = saved.handle  # the job that gives signs of life is the one that was saved
        return watch.end(took, took)


def control_of(instance: Instance) -> Control:
    """Return how to get at the QEMU of an instance that is one guest. Raises InputError."""
    control = instance.entries[0].control
    if control is None or len(instance.entries) > 1:
        raise InputError(f"'{instance.target}' is no guest that runs on this host.", "Choose a target such as 'kvm'.")
    return control


def as_started(instance: Instance) -> Control:
    """Return how to get at a guest with the devices that it was started with, as another QEMU will have them."""
    control = control_of(instance)
    if plugged := [name for name, kind in devices(control.monitor).items() if kind == DISK]:
        raise InputError(f"'{instance.target}' has a disk that was plugged in, '{plugged[0]}'.", "Unplug it first.")
    return control


def second(instance: Instance, control: Control, stack: ExitStack) -> tuple[Pipe, Monitor]:
    """Start another QEMU like the instance's own, which waits for a state; it lives as long as `stack`."""
    monitor = Monitor(control.place.path(new_name()))
    words = list(instance.entries[0].argv)
    words[words.index("-qmp") + 1] = monitor.server
    if "-netdev" in words:
        place = words.index("-netdev") + 1
        words[place] = TAP.sub(lambda _: add_tap(control.place, stack), words[place])
    if "-incoming" not in words:
        words += ["-incoming", "defer"]
    pipe = stack.enter_context(spawn(words, instance.target, instance.ledger, instance.entries[0].patience))
    stack.callback(monitor.close)
    return pipe, monitor


def go_over(instance: Instance, control: Control, pipe: Pipe, monitor: Monitor) -> None:
    """Make another QEMU's pipe and monitor those of the instance, its vCPUs pinned, and end the one that it had."""
    control.monitor.exchange(monitor)
    instance.pipe.exchange(pipe)
    instance.entries[0].pin(instance.pipe.process.pid)
    monitor.close()
    pipe.close(0)


def _hand_over(control: Control, monitor: Monitor, *, live: bool) -> tuple[float, float]:
    """Move a guest to the QEMU behind `monitor`; return the seconds that it took, and how long its CPUs stood still."""
    socket = f"unix:{control.place.path(new_name())}"
    monitor.execute("migrate-incoming", uri=socket)
    control.monitor.execute("migrate-set-parameters", max_bandwidth=BANDWIDTH)
    began = time.monotonic()
    if not live:
        control.monitor.execute("stop")
    downtime = move(control.monitor, "migrate", socket)["downtime"] * MILLISECOND
    while (status := monitor.execute("query-status")["status"]) != ("running" if live else "paused"):
        if time.monotonic() > began + SECONDS:
            raise TargetError(f"The guest has not come to where it moved: it is '{status}'.")
        time.sleep(IDLE)
    monitor.execute("cont")
    total = time.monotonic() - began
    return total, downtime if live else total
