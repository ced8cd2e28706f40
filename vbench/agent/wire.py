"""JSON, one object a line, over two file descriptors that nobody else writes to."""

from __future__ import annotations

import json
import os

from .first import LINE_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Message = dict[str, Any]


class Closed(Exception):  # noqa: N818 - an end, not an error
    """The host's end of the pipe is closed."""


class Wire:
    """The agent's end of the pipe. `source` and `sink` are file descriptors, the same one on a guest's serial port."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.idle: Callable[[], None] = lambda: None  # called before each wait for the host
        self._buffer = bytearray()

    def receive(self) -> Message:
        """Return the next request; raise Closed at the end and ValueError for what is no JSON object."""
        while b"\n" not in self._buffer:
            self.idle()
            data = os.read(self.source, 65536)
            if not data or len(self._buffer) > LINE_LIMIT:
                raise Closed
            self._buffer += data
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        request = json.loads(line.decode())
        if not isinstance(request, dict):
            raise ValueError("a request is a JSON object")  # noqa: TRY004 - one kind of error for one kind of fault
        return request

    def send(self, message: Message) -> None:
        """Write one object; a pipe that takes only a part of it gets the rest in turn."""
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            data = data[os.write(self.sink, data) :]
