"""One byte to the peer and back. Stdlib only, Python 3.8 and later: it travels into targets and to the peer.

pingpong.py serve PORT                 answers one connection, then ends
pingpong.py ask PEER PORT SECONDS      prints a JSON object of the round trip times, in seconds
"""

import json
import socket
import sys
import time
from array import array

LIMIT = 500_000  # round trips: their times fit into the smallest guest
LEAST = 100  # fewer have no 99th percentile: a slow target goes on beyond its seconds until it has so many
PATIENCE = 60.0  # seconds without an answer


def serve(port: int) -> None:
    """Echo the bytes of one connection until it ends."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    with socket.create_server(("", port), family=family, dualstack_ipv6=both) as listener:
        listener.settimeout(PATIENCE)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        connection, _ = listener.accept()
    with connection:
        _prepare(connection)
        while connection.send(connection.recv(1)):
            pass


def ask(peer: str, port: int, seconds: float) -> None:
    """Print the quantiles and the mean of the round trips of so many seconds, or of the first `LEAST`."""
    with socket.create_connection((peer, port), timeout=PATIENCE) as connection:
        _prepare(connection)
        times = sorted(_trips(connection, seconds))
    answer = {
        "round_trips": len(times),
        "latency_mean": sum(times) / len(times) / 1e9,
        "latency_p50": times[len(times) // 2] / 1e9,
        "latency_p99": times[len(times) * 99 // 100] / 1e9,
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _prepare(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(PATIENCE)


def _trips(connection: socket.socket, seconds: float) -> "array[int]":
    """Return the nanoseconds of each round trip; both ends are warm after the first tenth, which is not kept."""
    times = array("q")
    clock = time.perf_counter_ns
    begin = clock() + int(seconds * 1e8)
    end = begin + int(seconds * 0.9e9)
    now = clock()
    while (now < end or len(times) < LEAST) and len(times) < LIMIT:
        connection.sendall(b"x")
        if not connection.recv(1):
            sys.exit("the peer hung up")
        sent, now = now, clock()
        if sent >= begin:
            times.append(now - sent)
    return times


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
