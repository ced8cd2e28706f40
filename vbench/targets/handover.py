"""What a container hands on to a guest inside it: the devices of KVM and of taps, and the image's disk.

A guest in a container is QEMU run there by the container's agent: it boots from the workload image's disk, which no
container shows otherwise, and joins the container's network by a tap, which takes CAP_NET_ADMIN there.
"""

from collections.abc import Sequence
from dataclasses import replace

from vbench.model import Missing
from vbench.targets import accelerator
from vbench.targets.place import HANDED_DISK, Binding, Place

DEVICES = ("/dev/kvm", "/dev/net/tun")
CAPABILITY = "NET_ADMIN"
# $1 is the image's disk, the rest are devices; prints those that are there. In a guest they come with their modules.
FIND = """
for one; do if [ -b "$one" ] || [ -c "$one" ]; then printf '%s\\0' "$one"; fi; done
"""
SHOW = """
shown=$1$2; : >"$shown"; mount --bind --options ro "$3" "$shown"; shift 3; exec "$@"
"""
# A kernel of its own, a user who may not open them, another architecture.
WITHOUT = ("gvisor", "podman-rootless", "arm64", "arm64-user")
# These have the capabilities that engines give by default, and gVisor a kernel of its own: nothing in them may mount.
CLOSED = ("runc", "crun", "podman", "podman-rootless", "docker", "gvisor")
FIX = "put it into bwrap, podman or another container, or take it alone"


def missing(outer: Sequence[str]) -> list[Missing]:
    """Return what a guest inside the hops `outer` lacks: nesting, if there is a guest among them, and its devices."""
    lacking = accelerator.missing_nesting() if accelerator.GUESTS.intersection(outer) else []
    lacking += [Missing(f"the devices of a guest inside '{hop}'", FIX) for hop in outer if hop in WITHOUT]
    return lacking


def closed(outer: Sequence[str]) -> list[Missing]:
    """Return what a way into a root by mounts lacks inside the hops `outer`: the right to mount."""
    around = outer[-1] if outer else ""
    fix = "put it into a guest, or into unshare, bwrap, nspawn or lxc, or take it alone"
    return [Missing(f"the right to mount inside '{around}'", fix)] if around in CLOSED else []


def prepared(place: Place) -> Place:
    """Return a place in which the next container has a guest inside, with what it must hand on."""
    if place.accelerators:
        place.shell(f"modprobe -q tun || :\n{accelerator.LOAD}")
    there = place.shell(FIND, place.disk, *DEVICES).decode().split("\0")
    devices = tuple(Binding(device, device, device=True) for device in DEVICES if device in there)
    return replace(place, handed=(Binding(place.disk, HANDED_DISK, device=place.disk in there), *devices))


def shown(place: Place) -> list[str]:
    """Return the argv prefix that shows the image's disk in a prepared root that has the host's own devices."""
    disks = [one for one in place.handed if one.where == HANDED_DISK]
    return [word for one in disks for word in ("sh", "-ec", SHOW, "sh", place.rootfs, one.where, one.source)]
