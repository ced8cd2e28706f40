"""What tests ask of containers by an engine: who they are seen from outside, and how they are seen from the peer."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.targets.entering import Bench, ask
from vbench.run.cost_behind import processes_of
from vbench.targets.chain import Instance
from vbench.targets.network import PEER

PORT = 18989
SERVER = f"""
import socket
with socket.create_server(("{PEER}", {PORT})) as server:
    print("listens", flush=True)
    while True:
        connection, (address, _) = server.accept()
        with connection:
            connection.sendall(address.encode())
"""
CLIENT = f"""
import socket
with socket.create_connection(("{PEER}", {PORT}), 30) as connection:
    print(connection.recv(99).decode())
"""


@contextmanager
def listening(bench: Bench) -> Iterator[None]:
    """A server at the far end of the wire, which tells every client the address that it comes from."""
    assert bench.host.network
    argv = ["ip", "netns", "exec", bench.host.network.peer, sys.executable, "-c", SERVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == b"listens\n"
            yield
        finally:
            server.kill()


def seen_by_the_peer(instance: Instance) -> str:
    """The address by which a target comes to the peer."""
    return ask(instance, f"python3 -c '{CLIENT}'")


def agent_of(instance: Instance) -> int:
    """The PID of the agent behind a pipe, by this machine's count."""
    (agent,) = [pid for pid in processes_of(instance.pipe) if name_of(pid).startswith("python3")]
    return agent


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
