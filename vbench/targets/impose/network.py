"""Overheads on a wire of the target's own: a token bucket, and a delay by netem or, without it, by a shuttle of frames.

Sources: tc-tbf(8), tc-netem(8). What tbf counts is the frame of 1514 bytes that carries 1448 bytes of TCP payload.
"""

import itertools
import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from vbench.errors import HostError
from vbench.ledger import MARK
from vbench.model import Missing
from vbench.targets.impose.burden import ROOT, Burden
from vbench.targets.impose.helper import helper
from vbench.targets.network import BRIDGE, add_container_namespace
from vbench.targets.place import Place, Settings

NIC = "eth0"
BURST = 0.002  # seconds at the full rate that the bucket holds
LEAST_BURST = 16 * 1024  # bytes
QUEUE = "50ms"
TUN = Path("/dev/net/tun")
_counter = itertools.count()


def missing() -> list[Missing]:
    """Return what keeps us from making wires and putting queues on them."""
    if os.getuid():
        return [ROOT]
    return [] if shutil.which("tc") else [Missing("tc", "apt-get install iproute2")]


def missing_delay() -> list[Missing]:
    """Return what keeps us from delaying frames."""
    return missing() or ([] if TUN.exists() else [Missing(f"netem or {TUN}", "modprobe sch_netem, or modprobe tun")])


def rate(bits: float, place: Place, _settings: Settings, stack: ExitStack) -> Burden:
    """Let the target send at most `bits` a second, the frames' headers included."""
    inside = _wired(place, stack)
    burst = max(LEAST_BURST, round(bits / 8 * BURST))
    words = ["root", "tbf", "rate", f"{round(bits)}bit", "burst", str(burst), "latency", QUEUE]
    place.run(["tc", "-n", inside.netns, "qdisc", "add", "dev", NIC, *words])
    return Burden(replace(inside, network_path=f"tbf on veth on {place.network_path}"))


def delay(seconds: float, place: Place, _settings: Settings, stack: ExitStack) -> Burden:
    """Add `seconds` to the round trip: all that the target sends is held back for so long."""
    _need_network(place)
    if not _has_netem(place):
        return _shuttled(seconds, place, stack)
    inside = _wired(place, stack)
    words = ["root", "netem", "delay", f"{round(seconds * 1e6)}us"]
    place.run(["tc", "-n", inside.netns, "qdisc", "add", "dev", NIC, *words])
    return Burden(replace(inside, network_path=f"netem on veth on {place.network_path}"))


def _has_netem(place: Place) -> bool:
    """Return whether the kernel has netem: it is tried on the loopback device of our own namespace."""
    for words in (["add", "dev", "lo", "root", "netem"], ["del", "dev", "lo", "root"]):
        try:
            place.run(["tc", "-n", place.netns, "qdisc", *words])
        except HostError:
            return False
    return True


def _wired(place: Place, stack: ExitStack) -> Place:
    """Return the place with a namespace of its own, joined to the bridge by a veth pair."""
    _need_network(place)
    return replace(place, netns=Path(add_container_namespace(place, stack)).name)


def _shuttled(seconds: float, place: Place, stack: ExitStack) -> Burden:
    """Join a namespace of its own to the bridge by two taps, between which a process of ours carries the frames."""
    number = next(_counter)
    name, far, near = f"{MARK}{os.getpid()}-d{number}", f"vbfar{number}", f"vbnear{number}"
    stack.enter_context(place.hold("netns", name=name))
    place.run(["ip", "netns", "add", name])
    within = ["nsenter", f"--net=/run/netns/{place.netns}"] if place.netns else []
    stack.enter_context(helper(place, "shuttle.py", [near, far, repr(seconds)], within))
    place.ip("link", "set", far, "master", BRIDGE, "up")
    place.ip("link", "set", near, "netns", name, "name", NIC)
    place.run(["ip", "-n", name, "link", "set", "lo", "up"])
    place.run(["ip", "-n", name, "address", "add", place.address, "dev", NIC])
    place.run(["ip", "-n", name, "link", "set", NIC, "up"])
    return Burden(replace(place, netns=name, network_path=f"shuttle on tap on {place.network_path}"))


def _need_network(place: Place) -> None:
    if not place.address:
        raise HostError("There is no network of ours to burden.", "Run as root.")
