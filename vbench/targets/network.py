"""The network of a run: a bridge that stands for this host's stack, and a peer behind a wire.

Two namespaces of our own. In the host's one a bridge joins the wire, the containers' veth pairs and the guests' taps;
bare metal uses the bridge's own stack, as on a lab server whose NIC is a bridge port. The peer, where servers run, is
at the wire's far end. Nobody's interface is touched, and the addresses (198.18.0.0/15, RFC 2544) are seen nowhere else.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vbench.errors import HostError
from vbench.ledger import MARK, Ledger
from vbench.targets.place import Place
from vbench.targets.spawn import run

BRIDGE = "vbr0"
PREFIX = 24
PEER = "198.18.0.1"
HOST = "198.18.0.2"
NIC = "eth0"  # the network card of a guest or a container of ours
TUN = Path("/dev/net/tun")
WIRES = ("tap", "slirp")
SLIRP = "198.19.0"  # slirp's own network, in the second half of RFC 2544's
# $1 is the NIC and $2 its module, $3 the bridge, $4 the tap, $5 a passing file. One script: in an emulated guest every
# exec costs .1 s. The NIC becomes a port of a bridge; an address of its own would answer for what is behind it.
JOIN = """
[ -c /dev/net/tun ] || modprobe -q tun || :
[ -c /dev/net/tun ] || exit 0
bridged= there=
while read -r name _; do
    [ "$name" != "$3:" ] || bridged=1
    [ "$name" != "$1:" ] || there=1
done </proc/net/dev
{
    if [ ! "$bridged" ]; then
        [ "$there" ] || modprobe "$2"
        echo "link add $3 type bridge"
        echo "address flush dev $1"
        echo "link set $1 master $3 up"
        echo "link set $3 up"
    fi
    echo "tuntap add dev $4 mode tap"
    echo "link set $4 master $3 up"
} >"$5"
ip -batch "$5"
echo tap
"""
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


@dataclass(frozen=True)
class Wire:
    """What a guest's network card is connected to: QEMU's `backend`, and the guest's address on it."""

    kind: str
    backend: str
    address: str  # with its prefix length
    gateway: str = ""  # to the peer, where that is not on the same segment


def wire_up(place: Place, asked: str, stack: ExitStack) -> Wire:
    """Return a wire for a guest in a place: the one that is asked for, else a tap where one can be made, else slirp.

    slirp needs no privilege. It reaches what the place does, which is the peer and nothing of the host's: QEMU runs in
    a network namespace of ours. A guest behind it cannot be reached from outside.
    """
    tap = "" if asked == "slirp" else _tap(place, asked, stack)
    if tap:
        return Wire("tap", f"tap,ifname={tap},script=no,downscript=no", place.address, place.gateway)
    backend = f"user,ipv6=off,net={SLIRP}.0/{PREFIX},host={SLIRP}.2"
    return Wire("slirp", backend, f"{SLIRP}.15/{PREFIX}", f"{SLIRP}.2")


def _tap(place: Place, asked: str, stack: ExitStack) -> str:
    """Return the name of a new tap; "" where this place can have none and none was asked for."""
    if place.depth:
        name = f"vbtap{next(_counter)}"
        made = bool(place.shell(JOIN, NIC, place.card, BRIDGE, name, place.path("links")))
    else:
        made = os.access(TUN, os.R_OK | os.W_OK)
        name = add_tap(place, stack) if made else ""
    if asked and not made:
        raise HostError("No tap can be made here: there is no /dev/net/tun for us.", "Leave 'wire=tap' away.")
    return name if made else ""


def mac_address(place: Place) -> str:
    """Return the address of a guest's network card: always the same for one target at one depth."""
    number = hashlib.sha256(f"{place.address}/{place.depth}".encode()).hexdigest()
    return ":".join(["52:54:00", *(number[i : i + 2] for i in (0, 2, 4))])


def add_tap(place: Place, stack: ExitStack) -> str:
    """Return the name of a new tap on the place's bridge; it goes with `stack`."""
    name = f"vbtap{next(_counter)}"
    place.ip("tuntap", "add", "dev", name, "mode", "tap")
    stack.callback(place.ip, "link", "delete", name)
    place.ip("link", "set", name, "master", BRIDGE, "up")
    return name


def add_container_namespace(place: Place, stack: ExitStack, process: str = "") -> str:
    """Return the path of a network namespace that a veth pair joins to the place's bridge, address and all.

    It is a new one, or the one that a process, told by its PID, is in already.
    """
    number = next(_counter)
    name = f"{MARK}{os.getpid()}-c{number}"
    stack.enter_context(place.hold("netns", name=name))
    place.run(["ip", "netns", *(["attach", name, process] if process else ["add", name])])
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
