"""PID 1 of a guest: mount what jobs expect, serve in a child, reap, and power off when the pipe closes."""

from __future__ import annotations

import os

SCRATCH = "/run/vbench"
MOUNTS = (
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devpts", "/dev/pts", "devpts"),
    ("tmpfs", "/dev/shm", "tmpfs"),  # noqa: S108 - the guest's own
    ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
)


def become_init() -> None:
    """Return in the child that serves; the parent stays here, reaps, and powers off when the child is gone."""
    import ctypes

    libc = ctypes.CDLL(None)
    os.makedirs(SCRATCH, exist_ok=True)
    for source, where, kind in MOUNTS:
        if not os.path.ismount(where):
            os.makedirs(where, exist_ok=True)
            libc.mount(source.encode(), where.encode(), kind.encode(), 0, None)
    os.environ.update(PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME="/root")
    child = os.fork()
    if child == 0:
        os.setsid()
        return
    try:
        while os.wait()[0] != child:
            pass
    finally:
        os.sync()
        libc.reboot(0x4321FEDC)  # RB_POWER_OFF
