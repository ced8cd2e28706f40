"""Run a virtual machine monitor, and be the wire between our standard streams and the socket that its guest calls.

A program by itself, with the standard library alone: python3 relay.py SOCKET COMMAND...  The guest calls a port of the
host by vsock; Firecracker and Cloud Hypervisor pass such a call on to a unix socket, SOCKET. Whatever the monitor says,
and its guest's console, goes to stderr.
"""

import os
import select
import socket
import subprocess
import sys
import threading
from contextlib import suppress

CHUNK = 2**16


def main(path: str, command: list[str]) -> int:
    """Return the exit status: the monitor's own where its guest never called."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(1)
        # A monitor does not end with us by itself.
        argv = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        monitor = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        call = answer(door, monitor)
    if call is None:
        return monitor.wait() or 1
    threading.Thread(target=send, args=(call,), daemon=True).start()
    copy(call.fileno(), sys.stdout.fileno())
    return 0


def answer(door: socket.socket, monitor: "subprocess.Popen[bytes]") -> "socket.socket | None":
    """Return the guest's call, None where the monitor ended before."""
    end = os.pidfd_open(monitor.pid)
    ready, _, _ = select.select([door.fileno(), end], [], [])
    os.close(end)
    return door.accept()[0] if door.fileno() in ready else None


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
    sys.exit(main(sys.argv[1], sys.argv[2:]))
