from typing import Any

import pytest

from tests.probes.machines import leaf, machine, signature, value
from vbench.probes import stack

FIRST = {
    "/proc/self/ns/ipc": "ipc:[4026531839]",
    "/proc/self/ns/uts": "uts:[4026531838]",
    "/proc/self/ns/user": "user:[4026531837]",
    "/proc/self/ns/pid": "pid:[4026531836]",
    "/proc/self/ns/cgroup": "cgroup:[4026531835]",
    "/proc/self/ns/mnt": "mnt:[4026531832]",
}
OWN = FIRST | {"/proc/self/ns/pid": "pid:[4026532999]", "/proc/self/ns/mnt": "mnt:[4026532998]"}
ROOT = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
STORAGE = "30 22 8:1 /var/lib/containers/storage/overlay /var/lib/containers/storage/overlay rw - ext4 /dev/sda1 rw\n"
BOUND = "22 1 8:1 /srv/root / rw - ext4 /dev/sda1 rw\n"
ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("files", "json", "expected"),
    [
        ({"/proc/1/environ": "PATH=/bin\0container=podman\0"}, {}, "podman"),
        ({}, {"env": {"container": "lxc"}}, "lxc"),
        ({"/run/host/container-manager": "systemd-nspawn\n"}, {}, "nspawn"),
        ({"/proc/self/cgroup": f"3:cpu:/docker/{ID}\n"}, {}, "docker"),
        ({"/proc/self/cgroup": f"0::/system.slice/docker-{ID}.scope/../docker/{ID}\n"}, {}, "docker"),
        ({"/proc/self/cgroup": f"0::/machine.slice/libpod-{ID}.scope\n"}, {}, "podman"),
        ({"/proc/self/cgroup": "0::/lxc.payload.web/\n"}, {}, "lxc"),
        ({"/proc/self/cgroup": f"0::/kubepods/besteffort/pod1/cri-containerd-{ID}.scope\n"}, {}, "containerd"),
        ({}, {"present": ["/.dockerenv"]}, "docker"),
        ({}, {"present": ["/proc/vz"]}, "openvz"),
        ({}, {"present": ["/proc/vz", "/proc/bc"]}, "unknown"),
        ({"/proc/self/status": "VxID:\t49152\n"}, {}, "linux-vserver"),
        ({"/proc/self/status": "VxID:\t0\n"}, {}, "unknown"),
        (
            {"/proc/version": "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"},
            {"env": {"container": "docker"}},
            "gvisor",
        ),
        ({"/proc/self/mountinfo": ROOT}, {"links": FIRST}, "none"),
        ({"/proc/self/mountinfo": ROOT}, {"links": FIRST, "present": ["/.dockerenv"]}, "none"),
        ({"/proc/self/mountinfo": ROOT}, {"links": OWN}, "unshare"),
        ({"/proc/self/mountinfo": ROOT}, {"links": FIRST, "tracer": "proot"}, "proot"),
        ({"/proc/self/mountinfo": ROOT}, {"links": FIRST, "tracer": "gdb"}, "none"),
        ({"/proc/1/comm": "bwrap\n"}, {"links": OWN}, "bubblewrap"),
        ({"/proc/self/mountinfo": ROOT}, {"links": FIRST | {"/proc/self/ns/mnt": "mnt:[4026532177]"}}, "none"),
        ({"/proc/self/mountinfo": BOUND}, {"links": FIRST}, "none"),
        ({"/proc/self/mountinfo": BOUND}, {"links": FIRST | {"/proc/self/ns/mnt": "mnt:[4026532177]"}}, "unshare"),
        ({"/proc/self/mountinfo": "30 22 0:5 / /proc rw - proc proc rw\n"}, {"links": FIRST}, "chroot"),
        (
            {"/proc/self/mountinfo": "30 1 0:5 / /proc/kcore rw - tmpfs t rw\n31 1 0:5 / /proc/acpi ro - tmpfs t rw\n"},
            {"links": OWN},
            "oci",
        ),
        ({"/proc/self/mountinfo": ROOT + STORAGE}, {"links": FIRST}, "none"),
        ({"/proc/self/mountinfo": ROOT + STORAGE}, {}, "unknown"),
        (
            {"/proc/self/mountinfo": "22 1 0:59 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X\n"},
            {},
            "docker",
        ),
        ({"/proc/1/environ": "container=$(reboot);rm\0"}, {}, "unknown"),
        ({}, {}, "unknown"),
    ],
)
def test_the_engine(files: dict[str, str], json: dict[str, Any], expected: str) -> None:
    assert value(machine({**files}, **json), "platform.container") == expected


def test_the_machine_below_a_container_is_seen_as_well() -> None:
    inside = machine(
        {"/proc/1/environ": "container=podman\0"},
        arch="x86_64",
        cpuid=[leaf(1, ecx=1 << 31), signature("KVMKVMKVM")],
        links=OWN,
    )
    assert [(layer.kind, layer.name) for layer in stack(inside)] == [("machine", "kvm"), ("container", "podman")]


def test_a_container_in_a_container_lists_both() -> None:
    both = machine({"/proc/1/environ": "container=lxc\0", "/proc/self/cgroup": f"0::/docker/{ID}\n"})
    assert [layer.name for layer in stack(both)] == ["lxc", "docker"]


def test_a_root_of_its_own_is_seen_by_its_inode() -> None:
    stat = {"/": {"device": 1, "inode": 40}, "/proc/1/root": {"device": 1, "inode": 2}}
    assert value(machine(links=FIRST, stat=stat), "platform.container") == "chroot"
