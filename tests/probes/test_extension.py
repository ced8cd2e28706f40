from typing import Any

import pytest

from tests.probes.machines import INTEL, fact, leaf, machine, value

VMX, SVM, GUEST_BIT = 1 << 5, 1 << 2, 1 << 31
EPT_VPID_URG = (1 << 33) | (1 << 37) | (1 << 39)


@pytest.mark.parametrize(
    ("arch", "cpuinfo", "expected"),
    [
        ("x86_64", INTEL.format("vmx"), "vmx"),
        ("x86_64", INTEL.format("svm"), "svm"),
        ("x86_64", INTEL.format("svm_lock"), "none"),
        ("x86_64", "", "unknown"),
        ("s390x", "vendor_id : IBM/S390\nfeatures\t: esan3 vx sie\n", "sie"),
        ("s390x", "vendor_id : IBM/S390\nfeatures\t: esan3 vx\nfacilities : 0 1\n", "none"),
        ("s390x", "vendor_id : IBM/S390\nfeatures\t: esan3 zarch\n", "unknown"),
        ("ppc64le", "timebase : 5\nplatform : PowerNV\n", "hv"),
        ("ppc64le", "timebase : 5\nplatform : pSeries\n", "none"),
        ("riscv64", "isa : rv64imafdch_zicsr_zifencei\n", "hv"),
        ("riscv64", "isa : rv64imafdc_zicsr_sscofpmf\n", "none"),
        ("riscv64", "isa : rv64imafdc_zicsr_h\n", "hv"),
        ("loongarch64", "isa : loongarch64\nfeatures : cpucfg lam lvz\n", "hv"),
        ("loongarch64", "isa : loongarch64\nfeatures : cpucfg lam\n", "none"),
        ("aarch64", "Features : fp asimd\n", "unknown"),
    ],
)
def test_the_extension_by_the_kernels_list(arch: str, cpuinfo: str, expected: str) -> None:
    assert value(machine({"/proc/cpuinfo": cpuinfo}, arch=arch), "cpu.virtualization") == expected


@pytest.mark.parametrize(
    ("log", "expected"),
    [("CPU: All CPU(s) started at EL2", "el2"), ("CPU: All CPU(s) started at EL1", "none"), ("nothing", "unknown")],
)
def test_arm_tells_at_which_level_it_started(log: str, expected: str) -> None:
    assert value(machine(arch="aarch64", log=[log]), "cpu.virtualization") == expected


@pytest.mark.parametrize(
    ("arch", "cpuinfo", "kvm", "level"),
    [
        ("riscv64", "isa : rv64imafdch\n", {"run": {"ok": True}}, "proven"),
        ("riscv64", "isa : rv64imafdch\n", {"create_vm_errno": 0, "run": {"ok": False}}, "permitted"),
        ("riscv64", "isa : rv64imafdch\n", {"open_errno": 2}, "kernel-enabled"),
        ("ppc64le", "timebase : 5\nplatform : PowerNV\n", {"create_vm_errno": 0}, "firmware-enabled"),
    ],
)
def test_kvm_shows_how_far_an_extension_can_be_used(arch: str, cpuinfo: str, kvm: dict[str, Any], level: str) -> None:
    seen = machine({"/proc/cpuinfo": cpuinfo}, arch=arch, kvm=kvm)
    assert fact(seen, "cpu.virtualization").level == level


def test_a_processor_whose_flag_linux_dropped_is_locked_off_by_firmware() -> None:
    off = machine({"/proc/cpuinfo": INTEL.format("")}, arch="x86_64", cpuid=[leaf(1, ecx=VMX)])
    assert value(off, "cpu.virtualization") == "vmx"
    assert fact(off, "cpu.virtualization").level == "silicon"
    assert "firmware" in str(fact(off, "cpu.virtualization").fix)
    assert value(off, "cpu.virtualization_enabled") == "no"
    assert "firmware" in str(fact(off, "cpu.virtualization_enabled").fix)


@pytest.mark.parametrize(
    ("register", "number", "extension", "enabled"),
    [
        (0x5, 0x3A, "vmx", "yes"),
        (0x1, 0x3A, "vmx", "no"),
        (0x0, 0x3A, "vmx", "yes"),
        (0x18, 0xC0010114, "svm", "no"),
        (0x8, 0xC0010114, "svm", "yes"),
    ],
)
def test_the_register_says_what_firmware_allows(register: int, number: int, extension: str, enabled: str) -> None:
    bits = {"vmx": leaf(1, ecx=VMX), "svm": leaf(0x80000001, ecx=SVM)}
    msr = [{"cpu": 0, "index": hex(number), "value": hex(register)}]
    snapshot = machine(arch="x86_64", cpuid=[leaf(1), bits[extension]][::-1], msr=msr)
    assert value(snapshot, "cpu.virtualization_enabled") == enabled


def test_a_guest_without_the_extension_is_told_to_ask_its_host() -> None:
    assert "host" in str(fact(machine(arch="x86_64", cpuid=[leaf(1, ecx=GUEST_BIT)]), "cpu.virtualization").fix)


def _vmx(**json: Any) -> Any:
    return machine(json.pop("files", {}), arch="x86_64", cpuid=[leaf(1, ecx=VMX)], **json)


def test_vmx_features_from_registers_and_from_flags_agree() -> None:
    by_register = _vmx(msr=[{"index": "0x48b", "value": hex(EPT_VPID_URG)}])
    flags = INTEL.format("vmx") + "vmx flags : vnmi ept vpid unrestricted_guest\n"
    by_flags = _vmx(files={"/proc/cpuinfo": flags})
    for snapshot in (by_register, by_flags):
        assert [
            value(snapshot, f"cpu.vmx.{name}") for name in ("ept", "vpid", "unrestricted_guest", "pause_loop_exiting")
        ] == [
            "yes",
            "yes",
            "yes",
            "no",
        ]
        assert value(snapshot, "cpu.nested_paging") == "yes"
    assert value(_vmx(), "cpu.vmx.ept") == "unknown"
    assert value(by_register, "cpu.vmx.ept_1g") == "unknown"  # a register that was not read is no "no"


def test_svm_features_are_bits_of_one_leaf() -> None:
    bits = 1 << 0 | 1 << 13 | 1 << 25
    cpuid = [leaf(1), leaf(0x80000001, ecx=SVM), leaf(0x8000000A, ebx=32768, edx=bits)]
    snapshot = machine(
        {"/sys/module/kvm_amd/parameters/avic": "N\n", "/sys/module/kvm_amd/parameters/npt": "1\n"},
        arch="x86_64",
        cpuid=cpuid,
    )
    names = ("npt", "avic", "vnmi", "vgif", "idle_hlt")
    assert [value(snapshot, f"cpu.svm.{name}") for name in names] == ["yes", "yes", "yes", "no", "no"]
    assert value(snapshot, "cpu.svm_asids") == 32768
    assert value(snapshot, "cpu.svm_enabled.npt") == "yes"
    assert "avic=1" in str(fact(snapshot, "cpu.svm_enabled.avic").fix)
