from typing import Any

import pytest

from tests.probes.machines import dmar, fact, leaf, machine, signature, table, value
from vbench.probes import acpi

TABLES = "/sys/firmware/acpi/tables/"
FACP = {TABLES + "FACP": table("FACP", bytes(8))}
IVHD = b"\x10\0\x18\0" + bytes(20)
LIVE = {"/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc"}


def nodes(*kinds: int) -> bytes:
    """An IORT whose nodes are of these types."""
    body = b"".join(bytes([kind, 20, 0]) + bytes(17) for kind in kinds)
    return table("IORT", len(kinds).to_bytes(4, "little") + (48).to_bytes(4, "little") + bytes(4) + body)


def viot(*kinds: int) -> bytes:
    body = b"".join(bytes([kind, 0, 16, 0]) + bytes(12) for kind in kinds)
    return table("VIOT", len(kinds).to_bytes(2, "little") + (48).to_bytes(2, "little") + bytes(8) + body)


@pytest.mark.parametrize(
    ("name", "data", "present", "kind"),
    [
        ("DMAR", dmar(1), "yes", "vt-d"),
        ("IVRS", table("IVRS", bytes(12) + IVHD), "yes", "amd-vi"),
        ("IORT", nodes(0, 2, 4), "yes", "smmu"),
        ("IORT", nodes(0, 2), "no", "none"),
        ("VIOT", viot(1, 3), "yes", "virtio-iommu"),
        ("VIOT", viot(1), "no", "none"),
        ("HPET", table("HPET", bytes(8)), "no", "none"),
    ],
)
def test_the_tables_tell_what_is_there(name: str, data: bytes, present: str, kind: str) -> None:
    snapshot = machine({**FACP, TABLES + name: data})
    assert value(snapshot, "iommu.present") == present
    assert value(snapshot, "iommu.kind") == kind


@pytest.mark.parametrize(
    ("name", "data", "units"),
    [
        ("DMAR", dmar(1, 3), 3),
        ("IVRS", table("IVRS", bytes(12) + IVHD * 2 + b"\x21\0\x08\0" + bytes(4)), 2),
        ("IORT", nodes(0, 3, 4, 5), 2),
        ("VIOT", viot(1, 3, 4), 2),
    ],
)
def test_only_nodes_of_the_right_kind_count(name: str, data: bytes, units: int) -> None:
    found = acpi.read(name, data)
    assert found is not None
    assert found.units == units


def test_a_table_that_may_not_be_read_is_still_there() -> None:
    snapshot = machine(present=[TABLES + "FACP"], errors={TABLES + "DMAR": "EACCES"})
    assert value(snapshot, "iommu.kind") == "vt-d"
    assert value(snapshot, "iommu.interrupt_remapping") == "unknown"


def test_without_a_list_of_tables_nothing_is_denied() -> None:
    assert value(machine(), "iommu.present") == "unknown"
    assert value(machine(), "iommu.kind") == "unknown"
    assert value(machine(), "iommu.active") == "unknown"


@pytest.mark.parametrize(("flags", "expected"), [(0, "no"), (1, "yes"), (5, "yes"), (2, "no")])
def test_firmware_offers_interrupt_remapping_by_the_lowest_flag(flags: int, expected: str) -> None:
    assert value(machine({TABLES + "DMAR": dmar(flags)}), "iommu.interrupt_remapping") == expected


def test_the_kernel_has_the_last_word_on_interrupt_remapping() -> None:
    chips = {"live": "  24:  3  0  IR-PCI-MSI 512000-edge  ahci", "dead": "  24:  3  0  PCI-MSI 512000-edge  STIR-1"}
    files: dict[str, str | bytes] = {TABLES + "DMAR": dmar(1), **LIVE}
    on = machine({**files, "/proc/interrupts": chips["live"]}, arch="x86_64")
    off = machine({**files, "/proc/interrupts": chips["dead"]}, arch="x86_64")
    assert value(on, "iommu.interrupt_remapping") == "yes"
    assert value(off, "iommu.interrupt_remapping") == "no"
    assert "intremap" in str(fact(off, "iommu.interrupt_remapping").fix)


def test_there_but_off_in_the_kernel() -> None:
    snapshot = machine({TABLES + "DMAR": dmar(1), **LIVE})
    assert value(snapshot, "iommu.active") == "no"
    assert "intel_iommu=on" in str(fact(snapshot, "iommu.active").fix)


def test_live_with_groups() -> None:
    groups = "/sys/kernel/iommu_groups/"
    files: dict[str, str | bytes] = {groups + "0/type": "DMA-FQ\n", groups + "1/type": "DMA-FQ\n", **LIVE}
    devices = [groups + "0/devices/0000:00:00.0", groups + "0/devices/0000:00:01.0", groups + "1/devices/0000:01:00.0"]
    snapshot = machine(files, present=["/sys/class/iommu/dmar0", *devices])
    keys = ("present", "kind", "active", "passthrough", "strict", "groups", "shared_groups")
    assert [value(snapshot, f"iommu.{key}") for key in keys] == ["yes", "vt-d", "yes", "no", "no", 2, 1]


@pytest.mark.parametrize(("chip", "expected"), [("ITS-PCI-MSIX-0000:00:01.0", "yes"), ("GICv2m-PCI-MSI", "unknown")])
def test_an_its_keeps_the_interrupts_of_devices_apart(chip: str, expected: str) -> None:
    files: dict[str, str | bytes] = {"/proc/interrupts": f"  CPU0\n 22:  4  {chip}  0 Edge  virtio0-config\n", **LIVE}
    seen = machine(files, arch="aarch64", present=["/sys/class/iommu/smmu3.0x9050000"])
    assert value(seen, "iommu.interrupt_remapping") == expected


def test_a_group_whose_kernel_knows_no_type_tells_nothing_of_passthrough() -> None:
    snapshot = machine({"/sys/kernel/iommu_groups/0/type": "unknown\n"}, arch="ppc64le")
    assert value(snapshot, "iommu.passthrough") == "unknown"


def test_groups_mean_an_iommu_of_some_kind() -> None:
    snapshot = machine({"/sys/kernel/iommu_groups/0/type": "DMA"}, arch="ppc64le")
    assert [value(snapshot, f"iommu.{key}") for key in ("present", "kind", "active", "groups")] == [
        "yes",
        "unknown",
        "yes",
        1,
    ]


@pytest.mark.parametrize(
    ("nodes_of_tree", "present", "kind"),
    [
        ({"smmuv3@9050000": "arm,smmu-v3"}, "yes", "smmu"),
        ({"pcie@10000000": "pci-host-ecam-generic"}, "no", "none"),
        ({}, "unknown", "unknown"),
    ],
)
def test_a_guests_device_tree_lists_what_is_there(nodes_of_tree: dict[str, str], present: str, kind: str) -> None:
    files = {f"/proc/device-tree/{name}/compatible": text + "\0" for name, text in nodes_of_tree.items()}
    snapshot = machine({**files, "/proc/device-tree/compatible": "linux,dummy-virt\0"}, arch="aarch64")
    assert value(snapshot, "iommu.present") == present
    assert value(snapshot, "iommu.kind") == kind


def test_a_guest_is_told_to_ask_for_a_virtual_one() -> None:
    guest = machine(FACP, arch="x86_64", cpuid=[leaf(1, ecx=1 << 31), signature("KVMKVMKVM")])
    assert "guest" in str(fact(guest, "iommu.present").fix)


def test_functions_and_drivers_of_the_bus() -> None:
    slot = "/sys/bus/pci/devices/0000:01:00."
    files: dict[str, Any] = {slot + "0/vendor": "0x8086", slot + "0/device": "0x1521", slot + "0/sriov_totalvfs": "7\n",
                             slot + "0/sriov_numvfs": "2\n"}  # fmt: skip
    snapshot = machine(files, links={slot + "1/driver": "../../../bus/pci/drivers/vfio-pci"})
    assert [value(snapshot, key) for key in ("sriov.totalvfs", "sriov.numvfs", "vfio.devices")] == [7, 2, 1]
