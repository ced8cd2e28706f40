"""The marks that container engines leave: in variables, control groups, mounts, files and the kernel's names."""

import re
from collections.abc import Iterator

from vbench.probes.clue import Clue
from vbench.probes.devices import mounts
from vbench.probes.isolation import status
from vbench.probes.snapshot import Snapshot

MARK, TRACE = 3, 2  # what an engine says of itself; what may have been left behind in a copied root
GVISOR = "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"  # what gVisor always says of itself
NAMES = {
    "systemd-nspawn": "nspawn",
    "lxc-libvirt": "lxc",
    "zone": "illumos-lx",
    "bwrap": "bubblewrap",
    "libpod": "podman",
}
CGROUPS = (
    (re.compile(r"/docker[/-][0-9a-f]{12,}|/docker/|/ecs/"), "docker"),
    (re.compile(r"/libpod[-_/]|/libpod_parent"), "podman"),
    (re.compile(r"/lxc(\.payload[./]|/)|/lxc\.payload"), "lxc"),
    (re.compile(r"/crio-|/crio/"), "crio"),
    (re.compile(r"cri-containerd|/containerd[-/]"), "containerd"),
    (re.compile(r"/kubepods"), "kubernetes"),
    (re.compile(r"machine-.*\.scope|systemd-nspawn@"), "nspawn"),
    (re.compile(r"/garden/"), "garden"),
)
# What an engine mounts over inside a container; elsewhere its mounts are those of a host that runs containers.
POINTS = ("/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv")
# Paths that such a mount's root, source or options show.
MOUNTS = (
    ("/docker/containers/", "docker"),
    ("/docker/overlay2/", "docker"),
    ("/containers/storage/", "podman"),
    ("/overlay-containers/", "podman"),
    ("io.containerd.", "containerd"),
    ("lxcfs", "lxc"),
    ("kataShared", "kata"),
)
FILES = (
    ("/.dockerenv", "docker", TRACE),
    ("/.dockerinit", "docker", TRACE),
    ("/run/.containerenv", "podman", MARK),
    ("/run/secrets/kubernetes.io", "kubernetes", TRACE),
    ("/.flatpak-info", "flatpak", MARK),
)


def clues(snapshot: Snapshot) -> Iterator[Clue]:
    """Yield the marks of container engines."""
    yield from _told(snapshot)
    yield from _groups(snapshot)
    for mount in mounts(snapshot):
        for word, name in MOUNTS if mount.point in POINTS or mount.point.startswith("/proc/") else ():
            if word in mount.root or word in mount.source or word in mount.extra:
                yield Clue(name, MARK, "mounts", f"a mount of {name}'s at {mount.point[:60]}")
    for path, name, weight in FILES:
        if snapshot.exists(path):
            yield Clue(name, weight, path, path)
    if "KUBERNETES_SERVICE_HOST" in snapshot.section("env"):
        yield Clue("kubernetes", TRACE, "environment", "environment: KUBERNETES_SERVICE_HOST")
    yield from _kernels(snapshot)


def _groups(snapshot: Snapshot) -> Iterator[Clue]:
    for source in ("/proc/self/cgroup", "/proc/1/cgroup"):
        for line in snapshot.lines(source):
            for pattern, name in CGROUPS:
                if pattern.search(line):
                    weight = TRACE if name == "kubernetes" else MARK
                    yield Clue(name, weight, "cgroup", f"{source}: {name}'s group")


def _told(snapshot: Snapshot) -> Iterator[Clue]:
    words = (snapshot.text("/proc/1/environ") or "").replace("\n", "\0").split("\0")
    told = [(snapshot.section("env").get("container"), "environment: container")]
    told += [(word.partition("=")[2], "/proc/1/environ: container") for word in words if word.startswith("container=")]
    told += [(snapshot.text(path), path) for path in ("/run/systemd/container", "/run/host/container-manager")]
    for text, source in told:
        if isinstance(text, str) and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]{1,24}", text):
            yield Clue(NAMES.get(text.lower(), text.lower()), MARK, source, f"{source} {text}")
    if (snapshot.text("/proc/1/comm") or "") == "bwrap":
        yield Clue("bubblewrap", MARK, "comm", "/proc/1/comm bwrap")


def _kernels(snapshot: Snapshot) -> Iterator[Clue]:
    if snapshot.exists("/proc/vz") and not snapshot.exists("/proc/bc"):
        yield Clue("openvz", MARK, "vz", "/proc/vz without /proc/bc")
    if (status(snapshot, "VxID") or "0") != "0":
        yield Clue("linux-vserver", MARK, "vxid", "/proc/self/status VxID")
    version = snapshot.text("/proc/version") or ""
    if version.startswith(GVISOR) or any("Starting gVisor" in line for line in snapshot.log):
        yield Clue("gvisor", 2 * MARK, "version", "gVisor's kernel")
    if str(snapshot.json.get("tracer", "")).startswith("proot"):
        yield Clue("proot", MARK, "tracer", "/proc/self/status TracerPid: proot")
    release = snapshot.text("/proc/sys/kernel/osrelease") or version
    if "Microsoft" in release or "WSL2" in release:
        yield Clue("wsl", MARK, "release", "the kernel's name is WSL's")
