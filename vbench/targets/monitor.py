"""QEMU's own control channel (QMP), by the qemu.qmp library, called one command at a time."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from qemu.qmp import QMPClient, QMPError

from vbench.errors import TargetError

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
                self._loop.run_until_complete(asyncio.wait_for(self._client.connect(self.path), 10))
            work = self._client.execute(command, {key.replace("_", "-"): value for key, value in arguments.items()})
            return self._loop.run_until_complete(asyncio.wait_for(work, 30))
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise TargetError(f"QEMU did not do '{command}': {error}.") from None

    def close(self) -> None:
        """Drop the connection."""
        if self._loop is not None:
            with suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(self._client.disconnect(), 2))
            self._loop.close()
            self._loop = None
