"""QEMU's own control channel (QMP), by the qemu.qmp library, called one command at a time."""

import asyncio
import logging
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qemu.qmp import ConnectError, QMPClient, QMPError

from vbench.errors import TargetError
from vbench.targets.place import Place

START = 5.0  # seconds until a new QEMU listens at its socket
IDLE = 0.05  # seconds until a busy guest is looked at again
SECONDS = 30  # for one command, and for moving a guest's state

logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Monitor:
    """A QMP connection that is made with the first command. `path` is the unix socket."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = QMPClient("vbench")

    @property
    def server(self) -> str:
        """What QEMU's option -qmp says so that it listens there."""
        return f"unix:{self.path},server=on,wait=off"

    def execute(self, command: str, **arguments: Any) -> Any:
        """Return QEMU's answer to one command; a dead or unwilling QEMU is a TargetError."""
        return self._run(command, lambda: self._client.execute(command, _dashed(arguments)))

    def execute_until(self, event: str, device: str, command: str, **arguments: Any) -> None:
        """Execute a command and wait until an event says that it has become true of a device; errors as `execute`."""
        self._run(command, lambda: self._until(event, device, command, _dashed(arguments)))

    def _run(self, command: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Return what comes of the work, on a connection that is made first where there is none."""
        try:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.run_until_complete(asyncio.wait_for(self._connect(), SECONDS))
            return self._loop.run_until_complete(asyncio.wait_for(work(), SECONDS))
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise TargetError(f"QEMU did not do '{command}': {error or type(error).__name__}.") from None

    async def _until(self, event: str, device: str, command: str, arguments: dict[str, Any]) -> None:
        with self._client.listener((event,)) as events:
            await self._client.execute(command, arguments)
            async for message in events:
                data: Any = message["data"]
                if data.get("device") == device:
                    return

    async def _connect(self) -> None:
        """Connect as soon as a new QEMU has made its socket and listens at it."""
        deadline = time.monotonic() + START
        while True:
            try:
                await self._client.connect(self.path)
            except ConnectError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.001)
            else:
                return

    def exchange(self, other: "Monitor") -> None:
        """Trade QEMUs with another monitor."""
        for name in ("path", "_loop", "_client"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, theirs)
            setattr(other, name, mine)

    def close(self) -> None:
        """Drop the connection."""
        if self._loop is not None:
            with suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(self._client.disconnect(), 2))
            self._loop.close()
            self._loop = None


@dataclass(frozen=True)
class Control:
    """How a running guest is got at: where its QEMU runs, that QEMU's monitor, and the file of its data disk."""

    place: Place
    monitor: Monitor
    disk: str


def _dashed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as QEMU writes their names."""
    return {key.replace("_", "-"): value for key, value in arguments.items()}


def devices(monitor: Monitor) -> dict[str, str]:
    """Return the types of the guest's devices that have a name."""
    return {device["name"]: device["type"] for device in monitor.execute("qom-list", path="/machine/peripheral")}


def save(monitor: Monitor, place: Place) -> None:
    """Stop a guest whose memory is a shared file, and write the rest of its state beside it.

    It is stopped while its CPUs are halted: TCG cannot save a CPU that is just executing a nested guest.
    """
    deadline = time.monotonic() + SECONDS
    monitor.execute("stop")
    while "HLT=0" in monitor.execute("human-monitor-command", command_line="info registers -a"):
        if time.monotonic() > deadline:
            raise TargetError(f"The guest was never idle within {SECONDS} s, so that it cannot be saved.")
        monitor.execute("cont")
        time.sleep(IDLE)
        monitor.execute("stop")
    move(monitor, "migrate", f"exec:cat >{_state(place)}", shared=True)


def load(monitor: Monitor, place: Place) -> None:
    """Let a guest that waits for its state take it up and go on."""
    move(monitor, "migrate-incoming", f"exec:cat {_state(place)}", shared=True)
    monitor.execute("cont")


def move(monitor: Monitor, command: str, uri: str, *, shared: bool = False) -> Any:
    """Move all state, but not the memory that is in a `shared` file already; return what QEMU says of the move."""
    monitor.execute("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": shared}])
    monitor.execute(command, uri=uri)
    deadline = time.monotonic() + SECONDS
    while (status := (answer := monitor.execute("query-migrate")).get("status")) != "completed":
        if status == "failed" or time.monotonic() > deadline:
            raise TargetError(f"QEMU did not do '{command}': it is '{status}'.")
        time.sleep(0.002)
    return answer


def _state(place: Place) -> str:
    if place.ram is None:
        raise ValueError("only a guest with its memory in a file can be saved")
    return shlex.quote(place.ram.state)
