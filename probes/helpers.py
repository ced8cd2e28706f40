"""Device nodes that guests and containers are helped by."""

from collections.abc import Mapping
from typing import NamedTuple

from vbench.probes.question import NOT_PERMITTED, UNKNOWN, Answer, Question
from vbench.probes.snapshot import NOT_ALLOWED, Snapshot


class Node(NamedTuple):
    """A device node: its key, path, use and what brings it."""

    key: str
    path: str
    use: str
    fix: str


NODES = (
    Node("tun", "/dev/net/tun", "tap networks", "modprobe tun"),
    Node("vhost_net", "/dev/vhost-net", "networks without the monitor in between", "modprobe vhost_net"),
    Node("vhost_vsock", "/dev/vhost-vsock", "sockets between host and guest", "modprobe vhost_vsock"),
    Node("vhost_vdpa", "/dev/vhost-vdpa-0", "network cards with a virtio ring of their own", "modprobe vhost_vdpa"),
    Node("vfio", "/dev/vfio/vfio", "devices given to guests", "modprobe vfio-pci"),
    Node("iommufd", "/dev/iommu", "the same through iommufd", "modprobe iommufd"),
    Node("mshv", "/dev/mshv", "guests of Hyper-V's root partition", "a root partition's kernel with CONFIG_MSHV_ROOT"),
    Node("fuse", "/dev/fuse", "file systems of rootless containers", "modprobe fuse"),
    Node("msr", "/dev/cpu/0/msr", "reading model-specific registers", "modprobe msr"),
    Node("cpuid", "/dev/cpu/0/cpuid", "reading CPUID of any CPU", "modprobe cpuid"),
)


def usable(snapshot: Snapshot, node: Node) -> Answer:
    """Return whether this user may read and write a device: yes, no, not-permitted, unknown."""
    seen, trouble = snapshot.node(node.path), snapshot.errors.get(node.path)
    if seen is not None and seen.get("type") == "c":
        allowed = seen.get("readable") is True and seen.get("writable") is True
        fix = None if allowed else f"run as root, or give yourself rights to {node.path}"
        return Answer(
            "yes" if allowed else NOT_PERMITTED, f"stat {node.path}", "permitted" if allowed else "kernel-enabled", fix
        )
    if trouble == "ENOENT":
        return Answer("no", f"stat {node.path}: ENOENT", "kernel-enabled", node.fix)
    return Answer(NOT_PERMITTED if trouble in NOT_ALLOWED else UNKNOWN, f"stat {node.path}")


def _nodes(snapshot: Snapshot) -> Mapping[str, Answer]:
    return {node.key: usable(snapshot, node) for node in NODES}


QUESTIONS = (
    Question(
        "device.*",
        "device nodes that this user may use",
        ("stat",),
        _nodes,
        members=tuple((node.key, f"{node.path}: {node.use}") for node in NODES),
    ),
)
