"""The zoo's other half: boards and mainframes. Each needs its emulator (apt-get install qemu-system-arm ...)."""

from pathlib import Path
from typing import Any

import pytest

from tests.probes import foreign
from tests.probes.machines import value
from vbench.probes import Snapshot

pytestmark = [pytest.mark.real, pytest.mark.slow]
GUEST = {"platform.is_guest": "yes", "platform.container": "none"}
QEMU = GUEST | {"platform.hypervisor": "qemu", "platform.monitor": "qemu"}
NO_KVM = {
    "kvm.device": "no",
    "kvm.runs": "no",
    "kvm.backend": "none",
    "cpu.nested_paging": "no",
    "cpu.virtualization": "none",
}
CLOUD_ARM = "linux-image-cloud-arm64"
# Debian's name of the architecture and of its kernel, the machine, the console, and the truth.
ZOO: dict[str, tuple[str, str, list[str], str, dict[str, Any]]] = {
    "arm64 with EL2 and SMMUv3": (
        "arm64",
        CLOUD_ARM,
        ["qemu-system-aarch64", "-M", "virt,virtualization=on,iommu=smmuv3,gic-version=3", "-cpu", "cortex-a72"],
        "ttyAMA0",
        QEMU
        | {
            "cpu.virtualization": "el2",
            "cpu.nested_paging": "yes",
            "kvm.opens": "yes",
            "kvm.creates": "yes",
            "kvm.backend": "built in",
            "iommu.present": "yes",
            "iommu.kind": "smmu",
            "iommu.active": "yes",
            "arm.gic": "3",
        },
    ),
    "arm64 without EL2": (
        "arm64",
        CLOUD_ARM,
        ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"],
        "ttyAMA0",
        QEMU | NO_KVM | {"iommu.present": "no", "iommu.kind": "none", "arm.gic": "2"},
    ),
    "riscv64 with the H extension": (
        "riscv64",
        "linux-image-riscv64",
        ["qemu-system-riscv64", "-M", "virt", "-cpu", "rv64"],
        "ttyS0",
        QEMU | {"cpu.virtualization": "hv", "iommu.present": "no", "riscv.aia": "no"},
    ),
    "s390x": (
        "s390x",
        "linux-image-s390x",
        ["qemu-system-s390x", "-M", "s390-ccw-virtio", "-cpu", "max"],
        "ttyS1",
        GUEST | NO_KVM | {"platform.hypervisor": "kvm"},  # the emulator says KVM/Linux of itself
    ),
    "ppc64el": (
        "ppc64el",
        "linux-image-powerpc64le",
        ["qemu-system-ppc64", "-M", "pseries", "-vga", "none"],
        "hvc0",
        QEMU | NO_KVM | {"platform.virtualization_type": "para", "iommu.present": "yes"},
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """What was built already, by architecture."""
    return {"": (tmp_path_factory.mktemp("foreign"), Path())}


@pytest.mark.parametrize("animal", ZOO)
def test_the_zoo_abroad(animal: str, built: dict[str, tuple[Path, Path]]) -> None:
    arch, package, argv, console, truth = ZOO[animal]
    foreign.need("mmdebstrap", "cpio", argv[0])
    if arch not in built:
        built[arch] = foreign.build(arch, package, built[""][0])
    seen = Snapshot.of(foreign.boot(argv, *built[arch], f"console={console}"))
    assert {key: value(seen, key) for key in truth} == truth
