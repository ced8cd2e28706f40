"""Intel VMX: what the processor does for a hypervisor, by its capability MSRs or by Linux' `vmx flags`."""

from collections.abc import Mapping
from typing import NamedTuple

from vbench.probes.extension import virtualization
from vbench.probes.question import UNKNOWN, Answer, Question, yes
from vbench.probes.snapshot import Snapshot

PIN, PRIMARY, SECONDARY, EPT, TERTIARY = 0x481, 0x482, 0x48B, 0x48C, 0x492


class Feature(NamedTuple):
    """A capability: all `bits` (MSR, bit) must be set; `flag` is Linux' word for it (asm/vmxfeatures.h), if it has one.

    The "allowed 1" bits of the control MSRs are their high half; EPT's and the tertiary controls' count from 0.
    """

    key: str
    summary: str
    bits: tuple[tuple[int, int], ...]
    flag: str | None = None


FEATURES = (
    Feature("ept", "nested paging (EPT)", ((SECONDARY, 33),), "ept"),
    Feature("ept_4_levels", "EPT of four levels", ((EPT, 6),), None),
    Feature("ept_5_levels", "EPT of five levels", ((EPT, 7),), None),
    Feature("ept_2m", "EPT pages of 2 MiB", ((EPT, 16),), None),
    Feature("ept_1g", "EPT pages of 1 GiB", ((EPT, 17),), "ept_1gb"),
    Feature("ept_accessed_dirty", "accessed and dirty bits in EPT", ((EPT, 21),), "ept_ad"),
    Feature("vpid", "tagged TLB (VPID)", ((SECONDARY, 37),), "vpid"),
    Feature("unrestricted_guest", "guests in real mode", ((SECONDARY, 39),), "unrestricted_guest"),
    Feature("apic_registers", "APIC register virtualization", ((SECONDARY, 40),), "vapic_reg"),
    Feature("virtual_interrupts", "virtual-interrupt delivery", ((SECONDARY, 41),), "vid"),
    Feature(
        "apicv", "a virtual APIC without exits", ((PRIMARY, 53), (SECONDARY, 40), (SECONDARY, 41), (PIN, 39)), "apicv"
    ),
    Feature("posted_interrupts", "interrupts posted to running guests", ((PIN, 39),), "posted_intr"),
    Feature("ipi_virtualization", "interrupts between vCPUs without exits", ((TERTIARY, 4),), "ipi_virt"),
    Feature("vmcs_shadowing", "VMCS shadowing, for nested guests", ((SECONDARY, 46),), "shadow_vmcs"),
    Feature("page_modification_log", "page-modification logging", ((SECONDARY, 49),), "pml"),
    Feature("pause_loop_exiting", "exits from spinning guests", ((SECONDARY, 42),), "ple"),
    Feature("mode_based_execute", "execute rights by mode (MBEC)", ((SECONDARY, 54),), "ept_mode_based_exec"),
    Feature("tsc_scaling", "TSC scaling", ((SECONDARY, 57),), "tsc_scaling"),
)


def _flags(snapshot: Snapshot) -> frozenset[str] | None:
    listed = snapshot.cpu_field("vmx flags")
    return None if listed is None else frozenset(listed.split())


def held(snapshot: Snapshot, feature: Feature) -> Answer:
    """Return whether the processor has a feature."""
    values = [(snapshot.msr(index), bit) for index, bit in feature.bits]
    if all(value is not None for value, _ in values):
        source = ", ".join(f"MSR {index:x}[{bit}]" for index, bit in feature.bits)
        return Answer(yes(all((value or 0) >> bit & 1 for value, bit in values)), source, "firmware-enabled")
    flags = _flags(snapshot)
    if flags is not None and feature.flag:
        return Answer(yes(feature.flag in flags), "/proc/cpuinfo vmx flags", "kernel-enabled")
    return Answer(UNKNOWN, "MSR 481 to 492 (modprobe msr), /proc/cpuinfo vmx flags")


def _features(snapshot: Snapshot) -> Mapping[str, Answer]:
    if virtualization(snapshot).value != "vmx":
        return {}
    return {feature.key: held(snapshot, feature) for feature in FEATURES}


QUESTIONS = (
    Question(
        "cpu.vmx.*",
        "what the processor does for a hypervisor",
        ("MSR 481, 482, 48b, 48c, 492", "/proc/cpuinfo vmx flags"),
        _features,
        members=tuple((feature.key, feature.summary) for feature in FEATURES),
    ),
)
