"""Sockets in network namespaces, who listens, and a pipe in a process of its own, whose memory can be measured."""

import ctypes
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

NEWNET = 0x40000000  # CLONE_NEWNET of setns(2)
MEASURED = """
import resource, subprocess, sys
from vbench.errors import TargetError
from vbench.targets import pyz
from vbench.targets.pipe import Pipe
argv = [sys.executable, "-c", sys.argv[1], pyz.digest()]
with subprocess.Popen(argv, stdin=-1, stdout=-1, stderr=-1) as process:
    pipe = Pipe(process, "fake")
    pipe.hello(60)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        pipe.request("exec", float(sys.argv[2]))
    except TargetError as error:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error.message)
    process.kill()
    pipe.close()
"""


def memory_for(script: str, seconds: float) -> tuple[int, str]:
    """The KiB by which a vbench grows that hears a peer's answer, and what it says of the peer."""
    argv = [sys.executable, "-c", MEASURED, script, str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    grown, _, said = done.stdout.strip().partition(" ")
    return int(grown), said


@contextmanager
def listening(address: str, namespace: str = "") -> Iterator[int]:
    """Listen at an address, of a network namespace if one is named, and give the port."""
    made: list[socket.socket] = []
    thread = threading.Thread(target=lambda: made.append(_listen(address, namespace)))
    thread.start()
    thread.join()
    with made[0] as listener:
        yield int(listener.getsockname()[1])


def _listen(address: str, namespace: str) -> socket.socket:
    """Enter the namespace, in a thread that ends, and make the socket in it."""
    if namespace:
        descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        entered = ctypes.CDLL(None, use_errno=True).setns(descriptor, NEWNET)
        os.close(descriptor)
        if entered != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter '{namespace}'")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.bind((address, 0))
    listener.listen()
    return listener


def own_addresses() -> list[str]:
    """This host's addresses, loopback's too."""
    links = psutil.net_if_addrs().values()
    return [one.address for link in links for one in link if one.family == socket.AF_INET]


def gateways() -> list[str]:
    """This host's default gateways."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    return [socket.inet_ntoa(bytes.fromhex(route[2])[::-1]) for route in routes if route[1] == "00000000"]


def listeners_of(processes: list[psutil.Process]) -> list[str]:
    """Where processes are reached from outside, in the network namespace that we are in ourselves."""
    pids = {process.pid for process in processes}
    open_to_others = []
    for one in psutil.net_connections("inet"):
        waits = one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr)
        if one.pid in pids and waits and one.laddr and not one.laddr.ip.startswith(("127.", "::1")):
            open_to_others.append(f"{one.laddr.ip}:{one.laddr.port}")
    return open_to_others
