"""Files in and out, in chunks, as base64."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import Message, Wire

CHUNK_LIMIT = 4 * 2**20  # bytes of one chunk


def put(wire: Wire, request: Message) -> Message:
    """Write a chunk at the end of `path`, or as its new content where `offset` is 0."""
    from binascii import a2b_base64

    data = a2b_base64(request["data"])
    fresh = os.O_TRUNC if request.get("offset", 0) == 0 else 0
    target = os.open(request["path"], os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | fresh, request.get("mode", 0o644))
    try:
        os.lseek(target, request.get("offset", 0), os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
        os.fchmod(target, request.get("mode", 0o644))
    finally:
        os.close(target)
    return {"size": len(data)}


def get(wire: Wire, request: Message) -> Message:
    """Return a chunk of `path` from `offset`, and whether it was the last."""
    from binascii import b2a_base64

    length = min(request.get("length", CHUNK_LIMIT), CHUNK_LIMIT)
    source = os.open(request["path"], os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.lseek(source, request.get("offset", 0), os.SEEK_SET)
        data = b""
        while len(data) < length:  # files of /proc come in pieces
            piece = os.read(source, length - len(data))
            if not piece:
                break
            data += piece
    finally:
        os.close(source)
    return {"data": b2a_base64(data, newline=False).decode(), "end": len(data) < length}
