"""Boards of riscv64 that QEMU emulates: with and without the H extension and the advanced interrupt architecture."""

from pathlib import Path
from typing import Any

import pytest

from tests.probes import foreign
from tests.probes.machines import fact, value

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.zoo]
RISCV64 = foreign.Family("riscv64", "linux-image-riscv64", "qemu-system-riscv64", "qemu-system-misc", ("kvm",))
BOARD = {
    "platform.is_guest": "yes",
    "platform.hypervisor": "qemu-tcg",
    "platform.virtualization_type": "full",
    "platform.container": "none",
    "platform.product": "riscv-virtio,qemu",
    "iommu.present": "no",
    "iommu.kind": "none",
    "iommu.active": "no",
}
H = {
    "cpu.virtualization": "hv",
    "cpu.nested_paging": "yes",
    "kvm.device": "yes",
    "kvm.opens": "yes",
    "kvm.creates": "yes",
    "kvm.runs": "yes",
    "kvm.nested": "no",
}
NO_H = {"cpu.virtualization": "none", "kvm.device": "no", "kvm.opens": "no", "kvm.runs": "no", "kvm.backend": "none"}
# QEMU 7.2 sends an interrupt of the APLIC again and again once it is raised in MSI mode: the board's clock hangs Linux.
NO_CLOCK = "initcall_blacklist=goldfish_rtc_init"
# The options of QEMU, what is added to the kernel's command line, and the truth that follows from both.
ZOO: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "H and message-signalled interrupts": (
        ["-M", "virt,aia=aplic-imsic", "-cpu", "rv64,h=true"],
        NO_CLOCK,
        BOARD | H | {"riscv.aia": "yes"},
    ),
    "H and the old interrupt controller, two processors": (
        ["-M", "virt", "-cpu", "rv64,h=true", "-smp", "2"],
        "",
        BOARD | H | {"riscv.aia": "no", "cpu.count": 2},
    ),
    "no H": (["-M", "virt", "-cpu", "rv64,h=false"], "", BOARD | NO_H | {"riscv.aia": "no"}),
}


@pytest.mark.parametrize("animal", ZOO)
def test_a_board_of_riscv64(animal: str, tmp_path: Path) -> None:
    options, append, truth = ZOO[animal]
    seen = foreign.inside(RISCV64, *options, append=append, scratch=tmp_path)
    assert {key: value(seen, key) for key in truth} == truth
    assert (fact(seen, "cpu.virtualization").level == "proven") == (truth["kvm.runs"] == "yes")
