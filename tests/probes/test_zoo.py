"""Machines that QEMU emulates for us: what its command line puts there, the probes find, and nothing else."""

from typing import Any

import pytest

from tests.probes.conftest import Inside
from tests.probes.machines import value
from vbench.targets import qemu

pytestmark = [pytest.mark.real, pytest.mark.slow]
NO_IOMMU = {
    "iommu.present": "no",
    "iommu.kind": "none",
    "iommu.active": "no",
    "iommu.interrupt_remapping": "no",
    "iommu.groups": 0,
}
SPLIT = {"-machine": "q35,kernel-irqchip=split"}
# What is changed on the command line, what is put at its end, and the truth that follows from it.
ZOO: dict[str, tuple[dict[str, str], list[str], dict[str, Any]]] = {
    "no svm": ({"-cpu": "EPYC,-svm"}, [], {"cpu.virtualization": "none", "cpu.nested_paging": "no"} | NO_IOMMU),
    "hypervisor bit off": (
        {"-cpu": "EPYC,-hypervisor"},
        [],
        {"platform.is_guest": "yes", "platform.hypervisor": "qemu-tcg"},
    ),
    "hypervisor bit and leaf off": (
        {"-cpu": "EPYC,-hypervisor,tcg-cpuid=off"},
        [],
        {"platform.is_guest": "yes", "platform.hypervisor": "qemu"},
    ),
    "smbios of a server": (
        {},
        ["-smbios", "type=1,manufacturer=ACME,product=Server 5000"],
        {"platform.is_guest": "yes", "platform.hypervisor": "qemu-tcg", "platform.product": "ACME Server 5000"},
    ),
    "intel": (
        SPLIT | {"-append": "intel_iommu=on"},
        ["-device", "intel-iommu,intremap=on"],
        {
            "iommu.present": "yes",
            "iommu.kind": "vt-d",
            "iommu.active": "yes",
            "iommu.interrupt_remapping": "yes",
            "iommu.passthrough": "no",
        },
    ),
    "intel, passing through": (
        SPLIT | {"-append": "intel_iommu=on iommu=pt"},
        ["-device", "intel-iommu,intremap=on"],
        {"iommu.active": "yes", "iommu.passthrough": "yes"},
    ),
    "intel, off": (
        SPLIT | {"-append": "intel_iommu=off"},
        ["-device", "intel-iommu,intremap=off"],
        {"iommu.present": "yes", "iommu.kind": "vt-d", "iommu.active": "no", "iommu.interrupt_remapping": "no"},
    ),
    "amd": (SPLIT, ["-device", "amd-iommu,intremap=on"], {"iommu.present": "yes", "iommu.kind": "amd-vi"}),
    "virtio": ({}, ["-device", "virtio-iommu-pci"], {"iommu.present": "yes", "iommu.kind": "virtio-iommu"}),
    "two nodes": (
        {"-smp": "2"},
        [
            "-object",
            "memory-backend-ram,id=m0,size=256M",
            "-object",
            "memory-backend-ram,id=m1,size=256M",
            "-numa",
            "node,cpus=0,memdev=m0",
            "-numa",
            "node,cpus=1,memdev=m1",
        ],
        {"memory.numa_nodes": 2, "cpu.count": 2},
    ),
}


@pytest.mark.parametrize("animal", ZOO)
def test_the_zoo(animal: str, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, more, truth = ZOO[animal]
    plain = qemu.command

    def command(*words: Any) -> list[str]:
        argv = plain(*words)
        for option, text in changes.items():
            at = argv.index(option) + 1
            argv[at] = f"{argv[at]} {text}" if option == "-append" else text
        return argv + more

    monkeypatch.setattr(qemu, "command", command)
    seen = inside("kvm")
    assert {key: value(seen, key) for key in truth} == truth
