"""The network of a run: a bridge that stands for this host's stack, and a peer behind a wire.

Two namespaces of our own. In the host's one a bridge joins the wire, the containers' veth pairs and the guests' taps;
bare metal uses the bridge's own stack, as on a lab server whose NIC is a bridge port. The peer, where servers run, is
at the wire's far end. Nobody's interface is touched, and the addresses (198.18.0.0/15, RFC 2544) are seen nowhere else.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from vbench.ledger import MARK, Ledger
from vbench.targets.place import Place
from vbench.targets.spawn import run

BRIDGE = "vbr0"
PREFIX = 24
PEER = "198.18.0.1"
HOST = "198.18.0.2"
_counter = itertools.count()


@dataclass(frozen=True)
class Network:
    """The names of the two namespaces, and the addresses still to be had."""

    host: str
    peer: str
    addresses: Iterator[str] = field(default_factory=lambda: (f"198.18.0.{n}/{PREFIX}" for n in range(10, 250)))


@contextmanager
def network(ledger: Ledger) -> Iterator[Network]:
    """Make the two namespaces with bridge and wire; they are gone with the context."""
    names = Network(host=f"{MARK}{os.getpid()}-host", peer=f"{MARK}{os.getpid()}-peer")
    with ExitStack() as stack:
        for name in (names.host, names.peer):
            stack.enter_context(ledger.hold("netns", name=name))
            run(["ip", "netns", "add", name])
            run(["ip", "-n", name, "link", "set", "lo", "up"])
        make_bridge(["-n", names.host])
        run(
            ["ip", "-n", names.host, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", names.peer]
        )
        run(["ip", "-n", names.host, "link", "set", "wire", "master", BRIDGE, "up"])
        run(["ip", "-n", names.host, "address", "add", f"{HOST}/{PREFIX}", "dev", BRIDGE])
        run(["ip", "-n", names.peer, "address", "add", f"{PEER}/{PREFIX}", "dev", "wire"])
        run(["ip", "-n", names.peer, "link", "set", "wire", "up"])
        yield names


def make_bridge(where: list[str]) -> None:
    """Make the bridge on the host's side."""
    run(["ip", *where, "link", "add", BRIDGE, "type", "bridge"])
    run(["ip", *where, "link", "set", BRIDGE, "up"])


def bridge_guest(place: Place, nic: str) -> None:
    """Turn a guest's only NIC into a bridge port, so that what is inside the guest joins the same segment."""
    place.ip("link", "add", BRIDGE, "type", "bridge")
    place.ip("link", "set", nic, "master", BRIDGE, "up")
    place.ip("link", "set", BRIDGE, "up")


def add_tap(place: Place, stack: ExitStack) -> str:
    """Return the name of a new tap on the place's bridge; it goes with `stack`."""
    name = f"vbtap{next(_counter)}"
    place.ip("tuntap", "add", "dev", name, "mode", "tap")
    stack.callback(_drop, place, name)
    place.ip("link", "set", name, "master", BRIDGE, "up")
    return name


def add_container_namespace(place: Place, stack: ExitStack) -> str:
    """Return the path of a new network namespace that a veth pair joins to the place's bridge, address and all."""
    number = next(_counter)
    name = f"{MARK}{os.getpid()}-c{number}"
    stack.enter_context(place.hold("netns", name=name))
    place.run(["ip", "netns", "add", name])
    port = f"vbveth{number}"
    place.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    place.ip("link", "set", port, "master", BRIDGE, "up")
    place.run(["ip", "-n", name, "link", "set", "lo", "up"])
    place.run(["ip", "-n", name, "address", "add", place.address, "dev", "eth0"])
    place.run(["ip", "-n", name, "link", "set", "eth0", "up"])
    return f"/run/netns/{name}"


def lend_address(place: Place, stack: ExitStack) -> None:
    """Give the bridge's own stack the address of a target that uses it, unless the target's namespace has it already.

    Servers in the target are reached at that address from the peer; it goes with `stack`.
    """
    if not place.address or place.depth:
        return
    address = place.address.partition("/")[0]
    if not place.run(["ip", "-n", place.netns, "-brief", "address", "show", "to", address]):
        place.ip("address", "add", place.address, "dev", BRIDGE)
        stack.callback(place.ip, "address", "delete", place.address, "dev", BRIDGE)


def _drop(place: Place, name: str) -> None:
    if not place.depth:  # inside a guest the tap goes with the guest, and its agent may be gone already
        place.ip("link", "delete", name)
