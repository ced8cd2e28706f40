"""`vbench probe --save` tells nobody which machine, or whose, it was."""

import json
from pathlib import Path

import pytest

from tests.probes.machines import machine, value
from vbench.store import snapshot
from vbench.store.mask import masked

UUID = "4c4c4544-0042-3510-8052-b4c04f4e3132"
MAC, OTHER_MAC = "52:54:00:ab:cd:ef", "01-52-54-00-ab-cd"
ID = "deadbeef" * 8
HOST, SERIAL = "lab7-secret", "SN0012345"
SECRETS = (
    UUID,
    MAC,
    OTHER_MAC,
    ID,
    HOST,
    SERIAL,
    "192.168.7.20",
    "fe80::5054:ff:feab:cdef",
    "nas.example.org",
    "alice",
)

IDENTIFYING = machine(
    {
        "/proc/cmdline": f"root=UUID={UUID} ip=192.168.7.20::eth0:{HOST} BOOTIF={OTHER_MAC} intel_iommu=on",
        "/proc/self/mountinfo": (
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
            "23 22 0:40 / /home/alice/data rw - nfs4 nas.example.org:/export "
            "rw,addr=192.168.7.20,clientaddr=fe80::5054:ff:feab:cdef\n"
            f"24 22 0:41 /docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
        ),
        "/proc/self/cgroup": f"0::/docker/{ID}\n",
        "/proc/version": f"Linux version 6.1 (alice@{HOST}) (gcc 12.2.0) #1 SMP PREEMPT_DYNAMIC\n",
        "/proc/cpuinfo": f"processor : 0\nmodel name : Imaginary\nflags : fpu svm\nSerial\t\t: {SERIAL}\n",
        "/proc/sysinfo": (
            f"Sequence Code: {SERIAL}\nLPAR Name: {HOST}\nVM00 Name: {HOST}\nVM00 UUID: {UUID}\n"
            "VM00 Control Program: KVM/Linux\n"
        ),
        "/sys/class/dmi/id/chassis_asset_tag": SERIAL,
        "/sys/class/dmi/id/bios_version": "1.2.3.4",
        "/sys/class/net/eth0/mtu": "1500",
        "/proc/device-tree/ibm,partition-name": f"{HOST}\0",
    },
    host=HOST,
    kernel="6.1",
    arch="x86_64",
    log=[f"[0.0] DMI: ACME X/{HOST}, BIOS 1.0", f"[1.0] eth0: {MAC}"],
    env={"container": "podman"},
)


def everything(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_identifies_reaches_the_disk(secret: str, tmp_path: Path) -> None:
    unmasked, saved = tmp_path / "unmasked", tmp_path / "saved"
    snapshot.save(IDENTIFYING, unmasked, mask=False)
    snapshot.save(IDENTIFYING, saved)
    assert secret in everything(unmasked)
    assert secret not in everything(saved)


def test_what_the_probes_read_is_still_there() -> None:
    hidden = masked(IDENTIFYING)
    keys = (
        "cpu.model cpu.virtualization kernel.release kernel.preemption platform.container disk.filesystem "
        "platform.hypervisor platform.is_guest network.device.eth0.mtu"
    )
    for key in keys.split():
        assert value(hidden, key) == value(IDENTIFYING, key)
    assert "intel_iommu=on" in value(hidden, "kernel.cmdline")
    assert hidden.text("/sys/class/dmi/id/bios_version") == "1.2.3.4"


def test_the_json_stays_json(tmp_path: Path) -> None:
    snapshot.save(IDENTIFYING, tmp_path / "saved")
    about = json.loads((tmp_path / "saved/vbench-snapshot.json").read_text())
    assert about["kernel"] == "6.1"
    assert "host" not in about
