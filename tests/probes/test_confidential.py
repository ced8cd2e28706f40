"""Confidential guests, and what only one architecture asks."""

from typing import Any

import pytest

from tests.probes.machines import INTEL, fact, leaf, machine, value
from vbench.probes import Snapshot, facts

AMD = "/sys/module/kvm_amd/parameters/"
NODE = {"type": "c", "major": 10, "minor": 1, "readable": True, "writable": True}
TDX = leaf(0x21, 0, *(int.from_bytes(part, "little") for part in (b"Inte", b"    ", b"lTDX")))


def test_supported_is_not_enabled() -> None:
    snapshot = machine(
        {AMD + "sev": "Y", AMD + "sev_es": "N"},
        arch="x86_64",
        cpuid=[leaf(1), leaf(0x8000001F, eax=0b01011)],
        stat={"/dev/sev": NODE},
    )
    names = ("sme", "sev", "sev_es", "sev_snp")
    assert [value(snapshot, f"confidential.amd.{name}") for name in names] == ["yes", "yes", "yes", "no"]
    assert [fact(snapshot, f"confidential.amd.{name}").level for name in names] == [
        "silicon",
        "permitted",
        "silicon",
        "silicon",
    ]
    assert "sev_es=1" in str(fact(snapshot, "confidential.amd.sev_es").fix)


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (machine(arch="x86_64", cpuid=[TDX]), "tdx"),
        (machine(arch="x86_64", cpuid=[leaf(0x21)]), "none"),
        (machine({"/sys/firmware/uv/prot_virt_guest": "1\n"}, arch="s390x"), "secure-execution"),
        (machine({"/sys/firmware/uv/prot_virt_guest": "0\n"}, arch="s390x"), "none"),
        (machine(log=["[0.1] Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP"]), "sev-snp"),
        (machine(log=["[0.1] Memory Encryption Features active: AMD SEV"]), "sev"),
        (machine(log=["[0.1] Memory Encryption Features active: AMD SME"]), "unknown"),
        (machine(stat={"/dev/sev-guest": NODE}), "sev-snp"),
        (machine(errors={"/dev/sev-guest": "ENOENT"}), "none"),
        (machine(), "unknown"),
    ],
)
def test_whether_this_is_a_confidential_guest(snapshot: Snapshot, expected: str) -> None:
    assert value(snapshot, "confidential.guest") == expected


@pytest.mark.parametrize(
    ("files", "json", "key", "expected"),
    [
        ({"/proc/cpuinfo": INTEL.format("tdx_host_platform")}, {"arch": "x86_64"}, "confidential.tdx", "yes"),
        ({"/proc/cpuinfo": INTEL.format("vmx")}, {"arch": "x86_64"}, "confidential.tdx", "no"),
        ({"/sys/module/kvm_intel/parameters/tdx": "Y"}, {"arch": "x86_64"}, "confidential.tdx", "yes"),
        ({}, {"arch": "x86_64", "cpuid": [leaf(7, ebx=4)]}, "confidential.sgx", "yes"),
        ({}, {"arch": "x86_64", "cpuid": [leaf(7, ebx=8)]}, "confidential.sgx", "no"),
        ({}, {"arch": "x86_64"}, "confidential.sgx", "unknown"),
        ({"/sys/firmware/uv/prot_virt_host": "1"}, {"arch": "s390x"}, "confidential.secure_execution", "yes"),
        ({"/sys/firmware/uv/prot_virt_host": "0"}, {"arch": "s390x"}, "confidential.secure_execution", "no"),
        ({"/proc/cmdline": "kvm-arm.mode=protected"}, {"arch": "aarch64"}, "confidential.arm", "pkvm"),
        ({}, {"arch": "aarch64", "log": ["kvm [1]: VHE mode initialized successfully"]}, "arm.vhe", "yes"),
        ({}, {"arch": "aarch64", "log": ["kvm [1]: Hyp nVHE mode initialized successfully"]}, "arm.vhe", "no"),
        ({}, {"arch": "aarch64", "log": ["CPU: All CPU(s) started at EL1"]}, "arm.vhe", "no"),
        ({}, {"arch": "aarch64"}, "arm.vhe", "unknown"),
        ({}, {"arch": "aarch64", "log": ["ITS: Enabling GICv4 support"]}, "arm.gic", "4"),
        ({"/proc/device-tree/intc@1/compatible": "arm,gic-v3\0"}, {"arch": "aarch64"}, "arm.gic", "3"),
        ({"/proc/cpuinfo": "isa : rv64imafdch_smaia_ssaia\n"}, {"arch": "riscv64"}, "riscv.aia", "yes"),
        ({"/proc/cpuinfo": "isa : rv64imafdch_zicsr\n"}, {"arch": "riscv64"}, "riscv.aia", "no"),
        ({"/sys/module/kvm/parameters/hpage": "1"}, {"arch": "s390x"}, "s390.huge_guest_pages", "yes"),
        ({"/proc/device-tree/ibm,partition-name": "lpar7\0"}, {"arch": "ppc64le"}, "power.partition", "lpar7"),
        ({"/proc/ppc64/lparcfg": "shared_processor_mode=1\n"}, {"arch": "ppc64le"}, "power.shared_processors", "yes"),
    ],
)
def test_one_architectures_question(files: dict[str, str], json: dict[str, Any], key: str, expected: str) -> None:
    assert value(machine({**files}, **json), key) == expected


def test_what_does_not_arise_is_no_fact() -> None:
    keys = {one.key.split(".")[0] for one in facts(machine({"/proc/cpuinfo": INTEL.format("vmx")}, arch="x86_64"))}
    assert keys.isdisjoint({"arm", "riscv", "s390", "power"})
    assert not [
        one
        for one in facts(machine(arch="aarch64"))
        if one.key.startswith(("cpu.vmx", "cpu.svm", "confidential.sgx", "kvm.nx_huge_pages"))
    ]
