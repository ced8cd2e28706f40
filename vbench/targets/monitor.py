"""QEMU's own control channel (QMP), by the qemu.qmp library, called one command at a time."""

import asyncio
import logging
import shlex
import time
from contextlib import suppress
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

    def execute(self, command: str, **arguments: Any) -> Any:
        """Return QEMU's answer to one command; a dead or unwilling QEMU is a TargetError."""
        try:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.run_until_complete(asyncio.wait_for(self._connect(), SECONDS))
            work = self._client.execute(command, {key.replace("_", "-"): value for key, value in arguments.items()})
            return self._loop.run_until_complete(asyncio.wait_for(work, SECONDS))
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise TargetError(f"QEMU did not do '{command}': {error}.") from None

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

    def close(self) -> None:
        """Drop the connection."""
        if self._loop is not None:
            with suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(self._client.disconnect(), 2))
            self._loop.close()
            self._loop = None


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
    _migrate(monitor, "migrate", f"exec:cat >{_state(place)}")


def load(monitor: Monitor, place: Place) -> None:
    """Let a guest that waits for its state take it up and go on."""
    _migrate(monitor, "migrate-incoming", f"exec:cat {_state(place)}")
    monitor.execute("cont")


def _migrate(monitor: Monitor, command: str, uri: str) -> None:
    """Move all state but the memory, which is in its file already (x-ignore-shared)."""
    monitor.execute("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": True}])
    monitor.execute(command, uri=uri)
    deadline = time.monotonic() + SECONDS
    while (status := monitor.execute("query-migrate").get("status")) != "completed":
        if status == "failed" or time.monotonic() > deadline:
            raise TargetError(f"QEMU did not do '{command}': it is '{status}'.")
        time.sleep(0.002)


def _state(place: Place) -> str:
    if place.ram is None:
        raise ValueError("only a guest with its memory in a file can be saved")
    return shlex.quote(place.ram.state)
