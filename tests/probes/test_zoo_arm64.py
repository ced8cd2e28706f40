"""Boards of arm64 that QEMU emulates: with and without EL2, an SMMU and ACPI; what is there is found, and no more."""

from pathlib import Path
from typing import Any

import pytest

from tests.probes import foreign
from tests.probes.machines import fact, value

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.zoo]
ARM64 = foreign.Family("arm64", "linux-image-arm64", "qemu-system-aarch64", "qemu-system-arm", ("virtio_iommu",))
FIRMWARE = Path("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
ACPI = ["-bios", str(FIRMWARE)]  # without it QEMU hands the kernel a device tree
GUEST = {"platform.is_guest": "yes", "platform.virtualization_type": "full", "platform.container": "none"}
# SMBIOS, which comes with the firmware, says who emulates; the device tree says only that the board is QEMU's.
BY_SMBIOS = {"platform.hypervisor": "qemu-tcg", "platform.product": "QEMU QEMU Virtual Machine"}
EL2 = {
    "cpu.virtualization": "el2",
    "cpu.nested_paging": "yes",
    "kvm.device": "yes",
    "kvm.opens": "yes",
    "kvm.creates": "yes",
    "kvm.runs": "yes",
    "kvm.backend": "built in",
    "kvm.nested": "no",
}
EL1 = {
    "cpu.virtualization": "none",
    "cpu.nested_paging": "no",
    "kvm.device": "no",
    "kvm.opens": "no",
    "kvm.runs": "no",
    "kvm.backend": "none",
    "arm.vhe": "no",
}
SMMU = {
    "iommu.present": "yes",
    "iommu.kind": "smmu",
    "iommu.active": "yes",
    "iommu.interrupt_remapping": "yes",  # by the GIC's ITS
    "iommu.passthrough": "no",
}
NO_IOMMU = {
    "iommu.present": "no",
    "iommu.kind": "none",
    "iommu.active": "no",
    "iommu.interrupt_remapping": "no",
    "iommu.groups": 0,
}
# The options of QEMU, what is added to the kernel's command line, and the truth that follows from both.
ZOO: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "EL2 and SMMU by device tree, a processor with VHE": (
        ["-M", "virt,virtualization=on,iommu=smmuv3,gic-version=3", "-cpu", "max", "-smp", "2"],
        "",
        GUEST | EL2 | SMMU | {"platform.hypervisor": "qemu-tcg", "arm.vhe": "yes", "arm.gic": "3", "cpu.count": 2},
    ),
    "EL2 and SMMU by ACPI, a processor without VHE, devices passed through": (
        ["-M", "virt,virtualization=on,iommu=smmuv3,gic-version=3", "-cpu", "cortex-a72", *ACPI],
        "iommu.passthrough=1",
        GUEST | BY_SMBIOS | EL2 | SMMU | {"iommu.passthrough": "yes", "arm.vhe": "no", "arm.gic": "3"},
    ),
    "EL1 and no IOMMU by device tree": (
        ["-M", "virt,gic-version=2", "-cpu", "cortex-a72"],
        "",
        GUEST | EL1 | NO_IOMMU | {"platform.hypervisor": "qemu", "arm.gic": "2"},
    ),
    "EL1 and an IOMMU of virtio's by ACPI": (
        ["-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-device", "virtio-iommu-pci", *ACPI],
        "",
        GUEST | BY_SMBIOS | EL1 | {"iommu.present": "yes", "iommu.kind": "virtio-iommu", "iommu.active": "yes"},
    ),
    "EL1 and an IORT without SMMU by ACPI": (
        ["-M", "virt,gic-version=3", "-cpu", "cortex-a72", *ACPI],
        "",
        GUEST | BY_SMBIOS | EL1 | NO_IOMMU | {"arm.gic": "3"},
    ),
}


@pytest.mark.parametrize("animal", ZOO)
def test_a_board_of_arm64(animal: str, tmp_path: Path) -> None:
    if not FIRMWARE.exists():
        pytest.fail(f"'{FIRMWARE}' is missing: apt-get install qemu-efi-aarch64", pytrace=False)
    options, append, truth = ZOO[animal]
    seen = foreign.inside(ARM64, *options, append=append, scratch=tmp_path)
    assert {key: value(seen, key) for key in truth} == truth
    assert (fact(seen, "cpu.virtualization").level == "proven") == (truth["kvm.runs"] == "yes")
