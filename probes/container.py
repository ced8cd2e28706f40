"""The containers around this process: engines' marks weighed against the kernel's namespaces."""

from vbench.probes.clue import score
from vbench.probes.devices import mounts
from vbench.probes.engines import MARK, TRACE, clues
from vbench.probes.isolation import FIRST, namespace, namespace_number
from vbench.probes.machine import Layer
from vbench.probes.snapshot import Snapshot

# The first mount namespace: fixed since Linux 6.18, before that one of the first numbers given out (proc_ns.h).
FIRST_MOUNTS = (0xEFFFFFF8, 0xF0000000, 0xF0000001)
# The specification's maskedPaths that every runtime has hidden at some time.
MASKED = {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware", "/proc/acpi"}
OUTER = ("wsl", "kata", "openvz", "linux-vserver", "lxc", "nspawn")  # of two, these are the ones around the other


def enclosed(snapshot: Snapshot) -> bool | None:
    """Return whether the kernel shows this process in namespaces of its own, None where that cannot be told."""
    firsts = [namespace(snapshot, kind) for kind in FIRST if kind != "time"]
    if False in firsts:
        return True
    mounted = namespace_number(snapshot, "mnt")
    if None in firsts or mounted is None:
        return None
    return mounted not in FIRST_MOUNTS and _bound_root(snapshot)


def _bound_root(snapshot: Snapshot) -> bool:
    """Return whether / is a folder of a disk, not its root; subvolumes and OSTree's deployments are roots as well."""
    roots = [mount for mount in mounts(snapshot) if mount.point == "/"]
    return bool(roots) and roots[-1].root != "/" and roots[-1].kind != "btrfs" and "/ostree/" not in roots[-1].root


def changed_root(snapshot: Snapshot) -> bool | None:
    """Return whether / is not the machine's (chroot): by inode, else because no mount is at /."""
    here, first = snapshot.node("/"), snapshot.node("/proc/1/root")
    if here and first and "inode" in here and "inode" in first:
        return (here.get("device"), here.get("inode")) != (first.get("device"), first.get("inode"))
    points = [mount.point for mount in mounts(snapshot)]
    return "/" not in points if points else None


def layers(snapshot: Snapshot) -> list[Layer]:
    """Return the containers around this process, outermost first; an unnamed one is called unshare, oci or chroot."""
    found = list(clues(snapshot))
    around, moved = enclosed(snapshot), changed_root(snapshot)
    least = MARK if around is False else TRACE
    sums = {
        name: score(clue for clue in found if clue.name == name) for name in {clue.name for clue in found if clue.name}
    }
    most = max(sums.values(), default=0)
    names = [name for name, total in sums.items() if total >= least and (total == most or name in OUTER)]
    names.sort(key=lambda name: (OUTER.index(name) if name in OUTER else len(OUTER), name))
    named = [
        Layer("container", name, tuple(dict.fromkeys(clue.text for clue in found if clue.name == name)))
        for name in names
    ]
    if named:
        return named
    own = tuple(
        f"/proc/self/ns/{kind} is not the first" for kind in ("pid", "user") if namespace(snapshot, kind) is False
    )
    if own or around:
        evidence = own or ("/ is a folder mounted in a namespace of its own",)
        return [Layer("container", "oci" if _masked(snapshot) else "unshare", evidence)]
    return [Layer("container", "chroot", ("/ is not the root of PID 1",))] if moved else []


def _masked(snapshot: Snapshot) -> bool:
    """Return whether /proc is hidden the way the OCI runtimes do it."""
    return len(MASKED & {mount.point for mount in mounts(snapshot)}) > 1


def free(snapshot: Snapshot) -> bool:
    """Return whether it is certain that no container is around this process."""
    return enclosed(snapshot) is False and changed_root(snapshot) is False and not layers(snapshot)
