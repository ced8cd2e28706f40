"""The first word: take the pipe and say hello, and import the rest only then.

Inside an emulated guest a module costs 5 to 50 ms, json with all that it imports 250; a boot waits for the hello.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DIGEST = "unpacked"  # packing puts the digest of the sources here
PROTOCOL = 1
LINE_LIMIT = 16 * 2**20  # bytes of one request; a chunk of `put` is far smaller
OUTPUT_LIMIT = 8 * 2**20  # bytes of stdout, and of stderr, that one job may return
INIT = "init"  # the argument that makes the agent a guest's PID 1
PORT = "vport"  # a guest of ours has one virtio port, and this is how its device begins
CALL = 1024  # or none: then a host waits for its call at this port of the vsock


def start() -> "tuple[int, int]":
    """Say hello, and return the file descriptors to read from and to write to."""
    source, sink = open_port() if sys.argv[1:] == [INIT] else take_streams()
    posix.write(sink, (plain(dict(hello(), ok=True, id=0)) + "\n").encode())
    return source, sink


def hello() -> "dict[str, Any]":
    """Return who is here and what it can take."""
    uname = posix.uname()
    return {
        "protocol": PROTOCOL,
        "digest": DIGEST,
        "pid": posix.getpid(),
        "uid": posix.getuid(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "kernel": uname.release,
        "arch": uname.machine,
        "limits": {"line": LINE_LIMIT, "output": OUTPUT_LIMIT},
    }


def plain(value: object) -> str:
    """Return true, whole numbers, harmless strings and dictionaries of them as JSON."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join('"%s": %s' % (key, plain(item)) for key, item in value.items())
    if value is True or isinstance(value, int):
        return str(value).lower()
    return '"%s"' % "".join(c for c in str(value) if c.isalnum() or c in " ._+-~")


def take_streams() -> "tuple[int, int]":
    """Return the standard streams for the pipe and point them elsewhere, so that no stray print can break it."""
    source, sink = posix.dup(0), posix.dup(1)
    posix.dup2(posix.open("/dev/null", posix.O_RDONLY), 0)
    posix.dup2(2, 1)
    return source, sink


def open_port() -> "tuple[int, int]":
    """Return the guest's end of the pipe, for both directions."""
    name = next((name for name in posix.listdir("/dev") if name.startswith(PORT)), "")
    port = posix.open("/dev/" + name, posix.O_RDWR | posix.O_CLOEXEC) if name else call_host()
    return port, port


def call_host() -> int:
    """Return a connection to the host by vsock, the way of monitors without virtio ports."""
    import _socket  # a part of the interpreter itself, which costs no file

    line = _socket.socket(_socket.AF_VSOCK, _socket.SOCK_STREAM)
    line.connect((_socket.VMADDR_CID_HOST, CALL))
    return line.detach()
