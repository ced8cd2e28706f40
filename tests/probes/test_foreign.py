"""The rest of the zoo: a mainframe's guest and a POWER partition, as QEMU emulates them."""

from pathlib import Path
from typing import Any

import pytest

from tests.probes import foreign
from tests.probes.machines import fact, value

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.zoo]
S390X = foreign.Family(
    "s390x", "linux-image-s390x", "qemu-system-s390x", "qemu-system-misc", ("virtio_console",), 344, "ccw"
)
PPC64EL = foreign.Family(
    "ppc64el", "linux-image-powerpc64le", "qemu-system-ppc64", "qemu-system-ppc", ("virtio_pci", "virtio_console"), 353
)
NO_KVM = {
    "platform.is_guest": "yes",
    "platform.container": "none",
    "cpu.virtualization": "none",
    "cpu.nested_paging": "no",
    "kvm.device": "no",
    "kvm.runs": "no",
    "kvm.backend": "none",
}
ZOO: dict[str, tuple[foreign.Family, list[str], dict[str, Any]]] = {
    "s390x": (
        S390X,
        ["-M", "s390-ccw-virtio", "-cpu", "max"],
        # The emulator says KVM/Linux of itself, and nothing there contradicts it.
        NO_KVM | {"platform.hypervisor": "kvm", "platform.virtualization_type": "full"},
    ),
    "ppc64el": (
        PPC64EL,
        ["-M", "pseries", "-vga", "none"],
        NO_KVM
        | {
            "platform.hypervisor": "qemu",
            "platform.virtualization_type": "para",
            "platform.monitor": "qemu",
            "iommu.present": "yes",
            "iommu.active": "yes",
            "iommu.passthrough": "unknown",
        },
    ),
}


@pytest.mark.parametrize("animal", ZOO)
def test_a_server_of_another_kind(animal: str, tmp_path: Path) -> None:
    family, options, truth = ZOO[animal]
    seen = foreign.inside(family, *options, scratch=tmp_path)
    assert {key: value(seen, key) for key in truth} == truth
    assert (fact(seen, "cpu.virtualization").level == "proven") == (truth["kvm.runs"] == "yes")
