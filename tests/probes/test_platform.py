from typing import Any

import pytest

from tests.probes.machines import INTEL, leaf, machine, signature, value
from vbench.probes import Snapshot, stack

ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: {}\nCPU part\t: {}\n"
ARM_OF_QEMU = ARM.format("0x00", "0x051")
RISCV = "processor\t: 0\nisa\t\t: rv64imafdch\nmvendorid\t: {0}\nmarchid\t\t: {1}\nmimpid\t\t: {1}\n"
GUEST = leaf(1, ecx=1 << 31)
METAL = leaf(1)
ID = "/sys/class/dmi/id/"
TYPE0 = bytes([0, 24]) + bytes(17)  # SMBIOS type 0 up to its second extension byte
VIRTUAL = TYPE0 + b"\x14" + bytes(4)
PHYSICAL = TYPE0 + b"\x04" + bytes(4)


def dmi(vendor: str, product: str = "", **more: str) -> dict[str, str | bytes]:
    fields = {"sys_vendor": vendor, "product_name": product, **more}
    return {ID + field: text + "\n" for field, text in fields.items()}


def x86(files: dict[str, str | bytes] | None = None, **json: Any) -> Snapshot:
    return machine(files, arch="x86_64", **json)


CASES = {
    "metal by registers": (x86(cpuid=[METAL]), "no", "none", "none"),
    "metal by flags": (x86({"/proc/cpuinfo": INTEL.format("")}), "no", "none", "none"),
    "nothing recorded": (machine(), "unknown", "unknown", "unknown"),
    "kvm": (x86(cpuid=[GUEST, signature("KVMKVMKVM")]), "yes", "kvm", "full"),
    "emulated": (x86(cpuid=[GUEST, signature("TCGTCGTCGTCG")]), "yes", "qemu-tcg", "full"),
    "hyper-v": (x86(cpuid=[GUEST, signature("Microsoft Hv")]), "yes", "microsoft", "full"),
    "hyper-v's root": (
        x86(cpuid=[GUEST, signature("Microsoft Hv"), leaf(0x40000003, ebx=1 << 12 | 1)]),
        "no",
        "microsoft",
        "none",
    ),
    "kvm with hyper-v's face": (
        x86(cpuid=[GUEST, signature("Microsoft Hv"), signature("KVMKVMKVM", 0x40000100)]),
        "yes",
        "kvm",
        "full",
    ),
    "xen with hyper-v's face": (
        x86(cpuid=[GUEST, signature("Microsoft Hv"), signature("XenVMMXenVMM", 0x40000100)]),
        "yes",
        "xen",
        "full",
    ),
    "virtualbox with kvm's face": (
        x86(dmi("innotek GmbH", "VirtualBox"), cpuid=[GUEST, signature("KVMKVMKVM")]),
        "yes",
        "virtualbox",
        "full",
    ),
    "an arm guest of kvm": (
        machine(
            {"/proc/device-tree/fw-cfg@9020000/compatible": "qemu,fw-cfg-mmio", "/proc/cpuinfo": ARM_OF_QEMU},
            arch="aarch64",
            log=["<6>[    0.0] smccc: KVM: hypervisor services detected (0x0 0x0 0x0 0x3)"],
        ),
        "yes",
        "kvm",
        "full",
    ),
    "an emulated arm processor": (machine({"/proc/cpuinfo": ARM_OF_QEMU}, arch="aarch64"), "yes", "qemu-tcg", "full"),
    "a real arm processor": (machine({"/proc/cpuinfo": ARM.format("0x41", "0xd08")}), "unknown", "unknown", "unknown"),
    "an emulated riscv processor": (machine({"/proc/cpuinfo": RISCV.format("0x0", "0x2a")}), "yes", "qemu-tcg", "full"),
    "one of an older qemu": (machine({"/proc/cpuinfo": RISCV.format("0x0", "0x70216")}), "yes", "qemu-tcg", "full"),
    "a real riscv processor": (
        machine({"/proc/cpuinfo": RISCV.format("0x489", "0x8000000000000007")}),
        "unknown",
        "unknown",
        "unknown",
    ),
    "parallels with kvm's face": (
        x86(
            dmi("Parallels Software International Inc.", "Parallels Virtual Platform"),
            cpuid=[GUEST, signature("KVMKVMKVM")],
        ),
        "yes",
        "parallels",
        "full",
    ),
    "qemu's devices under kvm": (
        x86(dmi("QEMU", "Standard PC (Q35 + ICH9, 2009)"), cpuid=[GUEST, signature("KVMKVMKVM")]),
        "yes",
        "kvm",
        "full",
    ),
    "a signature nobody knows": (x86(cpuid=[GUEST, signature("HELLOHELLOHI")]), "yes", "unknown", "unknown"),
    "hypervisor bit hidden, devices not": (
        x86(
            dmi("QEMU", "Standard PC (i440FX + PIIX, 1996)")
            | {
                "/sys/bus/pci/devices/0000:00:02.0/vendor": "0x1234",
                "/sys/bus/pci/devices/0000:00:02.0/device": "0x1111",
            },
            cpuid=[METAL],
        ),
        "yes",
        "qemu",
        "full",
    ),
    "an old virtualbox without the bit": (
        x86({"/proc/cpuinfo": INTEL.format(""), "/proc/bus/pci/devices": "0010\t80eebeef\t12\n0020\t80eecafe\t14\n"}),
        "yes",
        "virtualbox",
        "full",
    ),
    "virtual pc leaves the bit clear": (
        x86(dmi("Microsoft Corporation", "Virtual Machine"), cpuid=[METAL]),
        "yes",
        "microsoft",
        "full",
    ),
    "a microsoft surface": (
        x86(dmi("Microsoft Corporation", "Surface Pro 7"), cpuid=[METAL]),
        "no",
        "none",
        "none",
    ),
    "emulated cards that name their board": (
        x86(
            {
                "/proc/cpuinfo": INTEL.format(""),
                "/sys/bus/pci/devices/0000:00:03.0/vendor": "0x8086",
                "/sys/bus/pci/devices/0000:00:03.0/device": "0x100e",
                "/sys/bus/pci/devices/0000:00:03.0/subsystem_vendor": "0x1af4",
            }
        ),
        "yes",
        "qemu",
        "full",
    ),
    "arm with one weak hint": (
        machine(dmi("GIGABYTE", "R272") | {"/sys/firmware/dmi/entries/0-0/raw": VIRTUAL}, arch="aarch64"),
        "unknown",
        "unknown",
        "unknown",
    ),
    "an oracle server": (x86(dmi("Oracle Corporation", "ORACLE SERVER X5-2"), cpuid=[METAL]), "no", "none", "none"),
    "metal with the virtual bit": (
        x86(
            dmi("Supermicro", "X9DRi")
            | {"/sys/firmware/dmi/entries/0-0/raw": VIRTUAL, "/proc/cpuinfo": INTEL.format("")}
        ),
        "no",
        "none",
        "none",
    ),
    "metal of a cloud, with its virtio cards": (
        x86(
            dmi("Alibaba Cloud", "Alibaba Cloud ECS")
            | {
                "/sys/bus/pci/devices/0000:00:02.0/vendor": "0x1af4",
                "/sys/bus/pci/devices/0000:00:02.0/device": "0x1041",
            },
            cpuid=[METAL],
        ),
        "no",
        "none",
        "none",
    ),
    "metal of amazon, arm": (machine(dmi("Amazon EC2", "m6g.metal"), arch="aarch64"), "no", "none", "none"),
    "a guest of amazon, arm": (
        machine(dmi("Amazon EC2", "m6g.large") | {"/sys/firmware/dmi/entries/0-0/raw": VIRTUAL}, arch="aarch64"),
        "yes",
        "kvm",
        "full",
    ),
    "an arm server": (
        machine(dmi("GIGABYTE", "R272-P30-JG") | {"/sys/firmware/dmi/entries/0-0/raw": PHYSICAL}, arch="aarch64"),
        "no",
        "none",
        "none",
    ),
    "arm board by its device tree": (
        machine({"/proc/device-tree/model": "Raspberry Pi 4 Model B\0"}, arch="aarch64"),
        "no",
        "none",
        "none",
    ),
    "firecracker on arm": (
        machine({"/proc/device-tree/compatible": "linux,dummy-virt\0"}, arch="aarch64"),
        "yes",
        "kvm",
        "full",
    ),
    "xen on arm": (
        machine({"/proc/device-tree/hypervisor/compatible": "xen,xen-4.17\0xen,xen\0"}, arch="aarch64"),
        "yes",
        "xen",
        "full",
    ),
    "xen's first domain": (
        x86({"/proc/xen/capabilities": "control_d\n", "/sys/hypervisor/type": "xen\n"}, cpuid=[METAL]),
        "no",
        "xen",
        "none",
    ),
    "xen's first domain by features": (
        x86({"/sys/hypervisor/properties/features": "00002b05", "/sys/hypervisor/type": "xen\n"}),
        "no",
        "xen",
        "none",
    ),
    "xen paravirtual by features": (
        x86({"/sys/hypervisor/type": "xen\n", "/sys/hypervisor/properties/features": "20"}),
        "yes",
        "xen",
        "para",
    ),
    "xen with all hardware by features": (
        x86({"/sys/hypervisor/type": "xen\n", "/sys/hypervisor/properties/features": "40"}),
        "yes",
        "xen",
        "full",
    ),
    "xen paravirtual": (
        x86({"/sys/hypervisor/type": "xen\n", "/sys/hypervisor/guest_type": "PV\n", "/proc/cpuinfo": INTEL.format("")}),
        "yes",
        "xen",
        "para",
    ),
    "xen with all hardware": (
        x86(
            {"/sys/hypervisor/type": "xen\n", "/sys/hypervisor/guest_type": "HVM\n"},
            cpuid=[GUEST, signature("XenVMMXenVMM")],
        ),
        "yes",
        "xen",
        "full",
    ),
    "user mode linux": (
        machine({"/proc/cpuinfo": "vendor_id\t: User Mode Linux\nmodel name\t: UML\n"}),
        "yes",
        "uml",
        "para",
    ),
    "wsl 1": (
        x86({"/proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft", "/proc/cpuinfo": INTEL.format("")}),
        "yes",
        "wsl",
        "para",
    ),
    "wsl 2": (
        x86(
            {
                "/proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2",
                "/proc/cpuinfo": INTEL.format("hypervisor"),
            },
            cpuid=[GUEST, signature("Microsoft Hv")],
        ),
        "yes",
        "microsoft",
        "full",
    ),
    "a partition of s390": (
        machine({"/proc/sysinfo": "Manufacturer: IBM\nLPAR Number: 3\n"}, arch="s390x"),
        "yes",
        "lpar",
        "full",
    ),
    "powernv": (machine({"/proc/cpuinfo": "timebase : 1\nplatform : PowerNV\n"}), "no", "none", "none"),
    "powervm": (
        machine({"/proc/cpuinfo": "timebase : 1\nplatform : pSeries\nmachine : CHRP IBM,8231-E2B\n"}),
        "yes",
        "phyp",
        "para",
    ),
    "pseries of qemu": (
        machine({"/proc/cpuinfo": "timebase : 1\nplatform : pSeries\nmodel : IBM pSeries (emulated by qemu)\n"}),
        "yes",
        "qemu",
        "para",
    ),
}


@pytest.mark.parametrize(("snapshot", "guest", "hypervisor", "kind"), CASES.values(), ids=CASES.keys())
def test_the_verdict(snapshot: Snapshot, guest: str, hypervisor: str, kind: str) -> None:
    assert value(snapshot, "platform.is_guest") == guest
    assert value(snapshot, "platform.hypervisor") == hypervisor
    assert value(snapshot, "platform.virtualization_type") == kind
    machines = [layer.name for layer in stack(snapshot) if layer.kind == "machine"]
    assert machines[-1:] == ([] if hypervisor == "none" or guest == "unknown" else [hypervisor])


def test_a_mainframe_lists_every_storey_outermost_first() -> None:
    text = "LPAR Number: 22\nVM00 Control Program: KVM/Linux\nVM01 Control Program: z/VM    6.4.0\n"
    snapshot = machine({"/proc/sysinfo": text}, arch="s390x")
    assert [layer.name for layer in stack(snapshot)] == ["lpar", "zvm", "kvm"]
    assert value(snapshot, "platform.hypervisor") == "kvm"


def test_the_monitor_behind_kvm_is_named_by_its_tables() -> None:
    table = b"APIC" + bytes(6) + b"FIRECK" + bytes(20)
    snapshot = x86({"/sys/firmware/acpi/tables/APIC": table}, cpuid=[GUEST, signature("KVMKVMKVM")])
    assert value(snapshot, "platform.monitor") == "firecracker"


@pytest.mark.parametrize(
    ("files", "cloud", "metal"),
    [
        (dmi("Amazon EC2", "c5.metal"), "aws", "yes"),
        (
            dmi("Microsoft Corporation", "Virtual Machine", chassis_asset_tag="7783-7084-3265-9085-8269-3286-77"),
            "azure",
            "no",
        ),
        (dmi("Google", "Google Compute Engine"), "gcp", "yes"),
    ],
)
def test_the_cloud_and_whether_it_gave_the_whole_machine(files: Any, cloud: str, metal: str) -> None:
    assert value(x86(files, cpuid=[METAL]), "platform.cloud") == cloud
    assert value(x86(files, cpuid=[METAL]), "platform.cloud_metal") == metal
    assert value(x86(files, cpuid=[GUEST, signature("KVMKVMKVM")]), "platform.cloud_metal") == "no"
