"""Which files of the machine a snapshot holds: one table, and the walk that serves it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TEXT = 16 * 1024
LARGE = 256 * 1024
TOTAL = 6 * 1024 * 1024  # bytes of all files of a snapshot together
MATCHES = 1024  # paths that one pattern may name
DEPTH = 12  # control groups inside each other

# text, binary: contents up to so many bytes. environ: those variables that tell of a container, for the others may
# hold secrets. link: where a link points. present: that it exists. {} and {cpu} stand for this process's own control
# group, of v2 or of that controller, and for those above it.
WANTED: tuple[tuple[str, str, int], ...] = (
    # The processor
    ("text", "/proc/cpuinfo", LARGE),
    ("text", "/sys/devices/system/cpu/online", TEXT),
    ("text", "/sys/devices/system/cpu/present", TEXT),
    ("text", "/sys/devices/system/cpu/isolated", TEXT),
    ("text", "/sys/devices/system/cpu/nohz_full", TEXT),
    ("text", "/sys/devices/system/cpu/smt/*", TEXT),
    ("text", "/sys/devices/system/cpu/vulnerabilities/*", TEXT),
    ("text", "/sys/devices/system/cpu/cpu*/topology/thread_siblings_list", 512),
    ("text", "/sys/devices/system/cpu/cpu0/topology/*", 512),
    ("text", "/sys/devices/system/cpu/cpu0/cache/index*/*", 512),
    ("text", "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", 512),
    ("text", "/sys/devices/system/cpu/cpu0/cpufreq/*", 512),
    ("text", "/sys/devices/system/cpu/cpufreq/boost", 512),
    ("text", "/sys/devices/system/cpu/intel_pstate/*", 512),
    ("text", "/sys/devices/system/cpu/cpuidle/current_*", 512),
    ("text", "/sys/devices/system/cpu/cpu0/cpuidle/state*/name", 512),
    ("text", "/sys/devices/system/cpu/cpu0/cpuidle/state*/disable", 512),
    ("text", "/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count", 512),
    ("text", "/sys/devices/system/clocksource/clocksource0/*_clocksource", 512),
    ("text", "/sys/class/thermal/thermal_zone*/temp", 512),
    # Memory
    ("text", "/proc/meminfo", TEXT),
    ("text", "/proc/swaps", TEXT),
    ("text", "/proc/vmstat", TEXT),
    ("text", "/proc/pressure/*", 512),
    ("text", "/sys/kernel/mm/transparent_hugepage/*", 512),
    ("text", "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag", 512),
    ("text", "/sys/kernel/mm/hugepages/*/*", 512),
    ("text", "/sys/kernel/mm/ksm/*", 512),
    ("text", "/sys/devices/system/node/online", 512),
    ("text", "/sys/devices/system/node/node*/meminfo", TEXT),
    ("text", "/sys/devices/system/node/node*/distance", 512),
    ("text", "/sys/devices/system/node/node*/hugepages/*/nr_hugepages", 512),
    # The kernel
    ("text", "/proc/version", TEXT),
    ("text", "/proc/cmdline", TEXT),
    ("text", "/proc/stat", LARGE),
    ("text", "/proc/loadavg", 512),
    ("text", "/proc/uptime", 512),
    ("text", "/proc/modules", LARGE),
    ("text", "/proc/interrupts", LARGE),
    ("text", "/proc/mounts", LARGE),
    ("text", "/proc/sys/kernel/osrelease", 512),
    ("text", "/proc/sys/kernel/numa_balancing", 512),
    ("text", "/proc/sys/kernel/randomize_va_space", 512),
    ("text", "/proc/sys/kernel/io_uring_disabled", 512),
    ("text", "/proc/sys/kernel/unprivileged_userns_clone", 512),
    ("text", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 512),
    ("text", "/proc/sys/kernel/perf_event_paranoid", 512),
    ("text", "/proc/sys/kernel/nmi_watchdog", 512),
    ("text", "/proc/sys/kernel/sched_autogroup_enabled", 512),
    ("text", "/proc/sys/kernel/sched_rt_runtime_us", 512),
    ("text", "/proc/sys/kernel/random/entropy_avail", 512),
    ("text", "/proc/sys/user/max_*_namespaces", 512),
    ("text", "/proc/sys/vm/swappiness", 512),
    ("text", "/proc/sys/vm/overcommit_memory", 512),
    ("text", "/proc/sys/vm/nr_hugepages", 512),
    ("text", "/proc/sys/vm/zone_reclaim_mode", 512),
    ("text", "/sys/kernel/debug/sched/preempt", 512),
    ("text", "/sys/kernel/realtime", 512),
    ("text", "/sys/kernel/security/lockdown", 512),
    ("text", "/sys/kernel/security/lsm", 512),
    ("text", "/sys/fs/selinux/enforce", 512),
    ("text", "/sys/module/apparmor/parameters/enabled", 512),
    # KVM and its kin
    ("text", "/sys/module/kvm/parameters/*", 512),
    ("text", "/sys/module/kvm_*/parameters/*", 512),
    ("present", "/sys/module/kvm*", 0),
    ("present", "/sys/module/vfio*", 0),
    ("text", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", 512),
    ("text", "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", 512),
    ("text", "/sys/module/haltpoll/parameters/*", 512),
    ("text", "/sys/firmware/uv/prot_virt_*", 512),
    ("text", "/sys/firmware/uv/query/*", 512),
    ("present", "/sys/kernel/debug/kvm/*", 0),
    # Where am I
    ("text", "/sys/class/dmi/id/bios_vendor", 512),
    ("text", "/sys/class/dmi/id/bios_version", 512),
    ("text", "/sys/class/dmi/id/sys_vendor", 512),
    ("text", "/sys/class/dmi/id/product_name", 512),
    ("text", "/sys/class/dmi/id/product_version", 512),
    ("text", "/sys/class/dmi/id/board_name", 512),
    ("text", "/sys/class/dmi/id/chassis_vendor", 512),
    ("text", "/sys/class/dmi/id/chassis_version", 512),
    ("text", "/sys/class/dmi/id/chassis_asset_tag", 512),
    ("binary", "/sys/firmware/dmi/entries/0-0/raw", 4096),
    ("text", "/sys/hypervisor/*", 512),
    ("text", "/sys/hypervisor/properties/*", 512),
    ("text", "/sys/hypervisor/version/*", 512),
    ("text", "/proc/xen/capabilities", 512),
    ("present", "/proc/xen", 0),
    ("present", "/sys/bus/xen", 0),
    ("present", "/sys/bus/xen-backend", 0),
    ("present", "/sys/bus/xen/devices/*", 0),
    ("present", "/sys/bus/vmbus/devices/*", 0),
    ("present", "/proc/vz", 0),
    ("present", "/proc/bc", 0),
    ("present", "/proc/iSeries", 0),
    ("present", "/proc/lxcfs", 0),
    ("text", "/proc/sysinfo", LARGE),
    ("text", "/proc/ppc64/lparcfg", TEXT),
    ("present", "/sys/class/vlds/*", 0),
    ("text", "/proc/bus/pci/devices", LARGE),
    ("text", "/sys/bus/pci/devices/*/vendor", 64),
    ("text", "/sys/bus/pci/devices/*/device", 64),
    ("text", "/sys/bus/pci/devices/*/class", 64),
    ("text", "/sys/bus/pci/devices/*/subsystem_vendor", 64),
    ("text", "/sys/bus/pci/devices/*/sriov_totalvfs", 64),
    ("text", "/sys/bus/pci/devices/*/sriov_numvfs", 64),
    ("link", "/sys/bus/pci/devices/*/driver", 0),
    ("link", "/sys/bus/pci/devices/*/iommu_group", 0),
    ("text", "/sys/bus/virtio/devices/*/device", 64),
    ("link", "/sys/bus/virtio/devices/*/driver", 0),
    ("text", "/proc/device-tree/compatible", 4096),
    ("text", "/proc/device-tree/model", 4096),
    ("text", "/proc/device-tree/hypervisor/compatible", 4096),
    ("text", "/proc/device-tree/ibm,partition-name", 4096),
    ("present", "/proc/device-tree/fw-cfg@*", 0),
    ("text", "/proc/device-tree/*/compatible", 4096),
    ("text", "/proc/device-tree/soc*/*/compatible", 4096),
    # Containers
    ("text", "/proc/self/status", TEXT),
    ("text", "/proc/self/cgroup", TEXT),
    ("text", "/proc/self/mountinfo", LARGE),
    ("text", "/proc/self/uid_map", 4096),
    ("text", "/proc/self/limits", 4096),
    ("text", "/proc/self/attr/current", 4096),
    ("environ", "/proc/1/environ", TEXT),
    ("text", "/proc/1/cgroup", TEXT),
    ("text", "/proc/1/comm", 512),
    ("text", "/proc/1/sched", 512),
    ("text", "/run/.containerenv", 4096),
    ("text", "/run/systemd/container", 512),
    ("text", "/run/host/container-manager", 512),
    ("present", "/.dockerenv", 0),
    ("present", "/.dockerinit", 0),
    ("present", "/run/.containerenv", 0),
    ("present", "/run/secrets/kubernetes.io", 0),
    ("present", "/run/systemd/system", 0),
    ("present", "/.flatpak-info", 0),
    ("present", "/dev/lxd/sock", 0),
    ("present", "/dev/incus/sock", 0),
    ("present", "/dev/mdesc", 0),
    ("link", "/proc/self/ns/*", 0),
    ("present", "/sys/fs/cgroup/*", 0),
    ("text", "/sys/fs/cgroup{}/cpu.max", 512),
    ("text", "/sys/fs/cgroup{}/cpu.stat", 4096),
    ("text", "/sys/fs/cgroup{}/cpuset.cpus.effective", 512),
    ("text", "/sys/fs/cgroup{}/memory.max", 512),
    ("text", "/sys/fs/cgroup{}/io.max", 4096),
    ("text", "/sys/fs/cgroup{}/cgroup.controllers", 512),
    ("text", "/sys/fs/cgroup/cpu{cpu}/cpu.cfs_*_us", 512),
    ("text", "/sys/fs/cgroup/cpu{cpu}/cpu.stat", 512),
    ("text", "/sys/fs/cgroup/cpu,cpuacct{cpu}/cpu.cfs_*_us", 512),
    ("text", "/sys/fs/cgroup/cpu,cpuacct{cpu}/cpu.stat", 512),
    ("text", "/sys/fs/cgroup/memory{memory}/memory.limit_in_bytes", 512),
    ("text", "/sys/fs/cgroup/cpuset{cpuset}/cpuset.cpus", 512),
    ("text", "/sys/fs/cgroup/blkio{blkio}/blkio.throttle.*_device", 4096),
    # The IOMMU
    ("binary", "/sys/firmware/acpi/tables/DMAR", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/IVRS*", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/IORT", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/VIOT", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/RIMT", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/APIC", 64 * 1024),
    ("binary", "/sys/firmware/acpi/tables/FACP", 4096),
    ("present", "/sys/firmware/acpi/tables/*", 0),
    ("present", "/sys/class/iommu/*", 0),
    ("text", "/sys/kernel/iommu_groups/*/type", 64),
    ("present", "/sys/kernel/iommu_groups/*/devices/*", 0),
    # Disks and networks
    ("text", "/sys/block/*/queue/scheduler", 512),
    ("text", "/sys/block/*/queue/rotational", 64),
    ("text", "/sys/block/*/queue/write_cache", 64),
    ("text", "/sys/block/*/queue/nr_requests", 64),
    ("text", "/sys/block/*/queue/read_ahead_kb", 64),
    ("text", "/sys/block/*/size", 64),
    ("text", "/sys/block/*/ro", 64),
    ("link", "/sys/block/*/device/driver", 0),
    ("text", "/sys/class/net/*/mtu", 64),
    ("text", "/sys/class/net/*/speed", 64),
    ("text", "/sys/class/net/*/operstate", 64),
    ("link", "/sys/class/net/*/device/driver", 0),
)


def live(errors: dict[str, str]) -> dict[str, Any]:
    """Return {"files", "binary", "links", "present"} of this machine; failures other than absence go to `errors`."""
    from base64 import b64encode

    taken = gather(os.listdir, read, os.readlink, os.path.lexists, errors)
    contents = taken.pop("contents")
    files = {path: data.decode("utf-8", "surrogateescape") for path, (kind, data) in contents.items() if kind == "text"}
    binary = {path: b64encode(data).decode() for path, (kind, data) in contents.items() if kind == "binary"}
    return {"files": files, "binary": binary, **taken}


def gather(
    names: Callable[[str], list[str]],
    contents: Callable[[str, int], bytes],
    target: Callable[[str], str],
    exists: Callable[[str], bool],
    errors: dict[str, str],
) -> dict[str, Any]:
    """Return what WANTED names through four functions that raise OSError: the live machine's, or a recorded tree's.

    {"contents": {path: (kind, bytes)}, "links": {path: target}, "present": [path, ...]}
    """
    found: dict[str, tuple[str, bytes]] = {}
    links: dict[str, str] = {}
    present: set[str] = set()
    listed: dict[str, list[str]] = {}
    room = TOTAL
    groups = own_groups(contents)
    for kind, pattern, limit in WANTED:
        for path in expand(pattern, names, listed, groups):
            try:
                if kind == "link":
                    links[path] = target(path)
                elif kind == "present":
                    if exists(path):
                        present.add(path)
                elif path not in found:
                    data = contents(path, min(limit, room))
                    room -= len(data)
                    found[path] = ("text", _telling(data)) if kind == "environ" else (kind, data)
            except OSError as error:
                _record(errors, path, error)
    return {"contents": found, "links": links, "present": sorted(present)}


def own_groups(contents: Callable[[str, int], bytes]) -> dict[str, list[str]]:
    """Return {controller: [its group's path, the one above it, ... ""]} of this process; v2 has the name ""."""
    found = {"": [""]}
    try:
        lines = contents("/proc/self/cgroup", TEXT).decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        steps = [step for step in path.split("/") if step][:DEPTH]
        if path and ".." not in steps:
            for controller in controllers.split(","):
                found[controller] = ["".join("/" + step for step in steps[:end]) for end in range(len(steps), -1, -1)]
    return found


def expand(
    pattern: str, names: Callable[[str], list[str]], listed: dict[str, list[str]], groups: dict[str, list[str]]
) -> list[str]:
    """Return the paths that a pattern can mean; `*` stands for any characters inside one step of the path."""
    if "{" in pattern:
        head, _, rest = pattern.partition("{")
        controller, _, tail = rest.partition("}")
        middle = groups.get(controller, [""])
        return [path for group in middle for path in expand(head + group + tail, names, listed, {})]
    paths = [""]
    for step in pattern.strip("/").split("/"):
        if "*" not in step:
            paths = [f"{path}/{step}" for path in paths]
        else:
            matches = _matcher(step)
            paths = [f"{path}/{name}" for path in paths for name in _list(path, names, listed) if matches(name)]
            paths = paths[:MATCHES]
    return paths


def _telling(environment: bytes) -> bytes:
    return b"\0".join(word for word in environment.split(b"\0") if word.startswith(b"container"))


def _list(path: str, names: Callable[[str], list[str]], listed: dict[str, list[str]]) -> list[str]:
    if path not in listed:
        try:
            listed[path] = sorted(names(path or "/"))
        except OSError:
            listed[path] = []
    return listed[path]


def _matcher(step: str) -> Callable[[str], bool]:
    head, *middle, tail = step.split("*")

    def matches(name: str) -> bool:
        if len(name) < len(head) + len(tail) or not (name.startswith(head) and name.endswith(tail)):
            return False
        inner = name[len(head) : len(name) - len(tail)]
        for part in middle:
            if part not in inner:
                return False
            inner = inner.split(part, 1)[1]
        return True

    return matches


def read(path: str, limit: int) -> bytes:
    """Return up to `limit` bytes of a file; never waits on a FIFO or a device."""
    from stat import S_ISREG

    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not S_ISREG(os.fstat(handle).st_mode):
            raise OSError(22, "not a regular file", path)
        parts = []
        while limit > 0:
            part = os.read(handle, limit)
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def _record(errors: dict[str, str], path: str, error: OSError) -> None:
    from errno import EINVAL, EISDIR, ENOENT, ENOTDIR, errorcode

    if error.errno not in (ENOENT, ENOTDIR, EISDIR, EINVAL):
        errors[path] = errorcode.get(error.errno or 0, "EIO")
