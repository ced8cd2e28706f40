"""Become a virtual machine monitor whose guest's call, at a unix socket, is our standard input and output.

A program by itself, with the standard library alone: python3 relay.py SOCKET COMMAND...  The guest calls a port of the
host by vsock; Firecracker and Cloud Hypervisor pass such a call on to a unix socket, SOCKET, where a child of ours
waits for it. We become COMMAND, and what that says, with its guest's console, goes to stderr.
"""

import os
import select
import socket
import sys
import threading
from contextlib import suppress

CHUNK = 2**16


def main(path: str, command: list[str]) -> None:
    """Listen, leave the streams to a child, and execute the monitor."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen(1)
    monitor = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        serve(door, monitor)
        return
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.execvp(command[0], command)  # noqa: S606 - this is what we are for


def serve(door: socket.socket, monitor: int) -> None:
    """Be the wire of the guest's call until either end is closed; there is none if the monitor ends before."""
    ready, _, _ = select.select([door.fileno(), monitor], [], [])
    if door.fileno() not in ready:
        return
    call, _ = door.accept()
    threading.Thread(target=send, args=(call,), daemon=True).start()
    copy(call.fileno(), sys.stdout.fileno())


def send(call: socket.socket) -> None:
    """Pass on what comes from the host, and its end."""
    copy(sys.stdin.fileno(), call.fileno())
    with suppress(OSError):
        call.shutdown(socket.SHUT_WR)


def copy(source: int, sink: int) -> None:
    """Copy until either end is closed."""
    with suppress(OSError):
        while data := memoryview(os.read(source, CHUNK)):
            while data:
                data = data[os.write(sink, data) :]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
