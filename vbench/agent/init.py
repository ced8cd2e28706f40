"""PID 1 of a guest: mount what jobs expect, serve in a child, reap, and power off when the pipe closes."""

from __future__ import annotations

import os

PORT_NAME = "vbench.agent"
PORTS = "/sys/class/virtio-ports"
MOUNTS = (
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devpts", "/dev/pts", "devpts"),
    ("tmpfs", "/dev/shm", "tmpfs"),  # noqa: S108 - the guest's own
    ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
)


def become_init() -> int:
    """Return the open serial port in the child that serves; the parent stays here until it has powered off."""
    import ctypes

    libc = ctypes.CDLL(None)
    for source, where, kind in MOUNTS:
        if not os.path.ismount(where):
            os.makedirs(where, exist_ok=True)
            libc.mount(source.encode(), where.encode(), kind.encode(), 0, None)
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root")
    port = find_port()
    child = os.fork()
    if child == 0:
        os.setsid()
        return os.open(port, os.O_RDWR | os.O_CLOEXEC)
    try:
        while os.wait()[0] != child:
            pass
    finally:
        os.sync()
        libc.reboot(0x4321FEDC)  # RB_POWER_OFF
    raise SystemExit


def find_port() -> str:
    """Return the device of the port that the host named for us."""
    for entry in sorted(os.listdir(PORTS)):
        with open("%s/%s/name" % (PORTS, entry)) as name:
            if name.read().strip() == PORT_NAME:
                return "/dev/" + entry
    raise RuntimeError("no virtio port is called " + PORT_NAME)
