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
GROUPS = "/sys/fs/cgroup"
HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
DISKS, BY_ID = "/sys/block", "/dev/disk/by-id"
# Where a disk's serial number stands below its folder in sysfs, and from which byte on: virtio-blk, NVMe, and SCSI
# with ATA, whose page of vital product data begins with a header of four bytes.
SERIALS = (("serial", 0), ("device/serial", 0), ("device/vpd_pg80", 4))


def become_init() -> None:
    """Return in the child that serves; the parent stays here, reaps, and powers off when the child is gone."""
    import ctypes

    libc = ctypes.CDLL(None)
    os.makedirs(SCRATCH, exist_ok=True)
    for source, where, kind in MOUNTS:
        if not os.path.ismount(where):
            os.makedirs(where, exist_ok=True)
            libc.mount(source.encode(), where.encode(), kind.encode(), 0, None)
    hand_out_controllers()
    allow_huge_pages()
    name_disks()
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


def hand_out_controllers() -> None:
    """Let control groups limit whatever this kernel can limit, which is an init's part: by default they can nothing."""
    try:
        with open(GROUPS + "/cgroup.controllers") as known, open(GROUPS + "/cgroup.subtree_control", "w") as switch:
            switch.write(" ".join("+" + name for name in known.read().split()))
    except OSError:
        pass  # a kernel without them


def allow_huge_pages() -> None:
    """Give huge pages to jobs that ask for them, as on bare: Linux turns them off in a machine of less than 512 MiB.

    A policy on the kernel's command line stays.
    """
    try:
        with open("/proc/cmdline") as line, open(HUGE_PAGES) as policy:
            off = "[never]" in policy.read() and "transparent_hugepage=" not in line.read()
        if off:
            with open(HUGE_PAGES, "w") as policy:
                policy.write("madvise")
    except OSError:
        pass  # a kernel without them


def name_disks() -> None:
    """Give every disk that has a serial number the name /dev/disk/by-id/SERIAL: there is no udev in our guests."""
    os.makedirs(BY_ID, exist_ok=True)
    for disk in os.listdir(DISKS):
        for where, start in SERIALS:
            try:
                with open("%s/%s/%s" % (DISKS, disk, where), "rb") as file:
                    serial = file.read(64)[start:].decode("ascii", "replace").strip(" \n\0")
                if serial and "/" not in serial:
                    os.symlink("/dev/" + disk, "%s/%s" % (BY_ID, serial))
            except OSError:
                pass  # it has none there
