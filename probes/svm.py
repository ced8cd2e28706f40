"""AMD SVM: what the processor supports (CPUID 8000000A) and what KVM has enabled of it."""

from collections.abc import Mapping
from typing import NamedTuple

from vbench.probes.extension import virtualization
from vbench.probes.question import UNKNOWN, Answer, Question, refused, yes
from vbench.probes.snapshot import Snapshot

LEAF = 0x8000000A
PARAMETERS = "/sys/module/kvm_amd/parameters"


class Feature(NamedTuple):
    """A capability: its bit of CPUID 8000000A.EDX and Linux' word for it (asm/cpufeatures.h word 15)."""

    key: str
    summary: str
    bit: int
    flag: str | None = None


FEATURES = (
    Feature("npt", "nested paging (NPT)", 0, "npt"),
    Feature("lbrv", "last-branch records of guests", 1, "lbrv"),
    Feature("lock", "SVM lock", 2, "svm_lock"),
    Feature("nrips", "next instruction pointer saved", 3, "nrip_save"),
    Feature("tsc_rate", "TSC scaling", 4, "tsc_scale"),
    Feature("vmcb_clean", "clean bits of the VMCB", 5, "vmcb_clean"),
    Feature("flush_by_asid", "TLB flush by guest", 6, "flushbyasid"),
    Feature("decode_assists", "decode assists", 7, "decodeassists"),
    Feature("pause_filter", "exits from spinning guests", 10, "pausefilter"),
    Feature("pause_threshold", "a threshold for these", 12, "pfthreshold"),
    Feature("avic", "a virtual APIC without exits", 13, "avic"),
    Feature("virtual_vmload", "VMSAVE and VMLOAD without exits, for nested guests", 15, "v_vmsave_vmload"),
    Feature("vgif", "virtual interrupt flag, for nested guests", 16, "vgif"),
    Feature("gmet", "guest mode execute trap", 17, None),
    Feature("x2avic", "AVIC in x2APIC mode", 18, "x2avic"),
    Feature("virtual_spec_ctrl", "virtual SPEC_CTRL", 20, "v_spec_ctrl"),
    Feature("vnmi", "virtual NMI", 25, "vnmi"),
    Feature("bus_lock_threshold", "exits on bus locks", 29, None),
    Feature("idle_hlt", "no exit on HLT with work waiting", 30, None),
)
# What KVM has switched on of it: kvm_amd's parameters.
ENABLED = {"npt": "npt", "avic": "avic", "vgif": "vgif", "virtual_vmload": "vls", "vnmi": "vnmi", "nrips": "nrips"}


def held(snapshot: Snapshot, feature: Feature) -> Answer:
    """Return whether the processor has a feature."""
    leaf = snapshot.cpuid(LEAF)
    if leaf:
        return Answer(yes(bool(leaf.edx >> feature.bit & 1)), f"CPUID 8000000A.EDX[{feature.bit}]", "silicon")
    if snapshot.flags is not None and feature.flag:
        return Answer(yes(feature.flag in snapshot.flags), "/proc/cpuinfo flags", "kernel-enabled")
    return Answer(UNKNOWN, f"CPUID 8000000A.EDX[{feature.bit}]")


def _is_svm(snapshot: Snapshot) -> bool:
    return virtualization(snapshot).value == "svm"


def _features(snapshot: Snapshot) -> Mapping[str, Answer]:
    return {feature.key: held(snapshot, feature) for feature in FEATURES} if _is_svm(snapshot) else {}


def _enabled(snapshot: Snapshot) -> Mapping[str, Answer]:
    if not (_is_svm(snapshot) and snapshot.exists("/sys/module/kvm_amd")):
        return {}
    found = {}
    for key, name in ENABLED.items():
        path = f"{PARAMETERS}/{name}"
        value = snapshot.flag(path)
        supported = held(snapshot, next(feature for feature in FEATURES if feature.key == key)).value == "yes"
        fix = f"modprobe -r kvm_amd; modprobe kvm_amd {name}=1" if value is False and supported else None
        found[key] = Answer(refused(snapshot, path) if value is None else yes(value), path, "kernel-enabled", fix)
    return found


def _asids(snapshot: Snapshot) -> Answer | None:
    leaf = snapshot.cpuid(LEAF)
    if not _is_svm(snapshot):
        return None
    return Answer(leaf.ebx if leaf else UNKNOWN, "CPUID 8000000A.EBX", "silicon")


QUESTIONS = (
    Question(
        "cpu.svm.*",
        "what the processor does for a hypervisor",
        ("CPUID 8000000A.EDX", "/proc/cpuinfo flags"),
        _features,
        members=tuple((feature.key, feature.summary) for feature in FEATURES),
    ),
    Question("cpu.svm_enabled.*", "which of them KVM uses", (f"{PARAMETERS}/*",), _enabled),
    Question("cpu.svm_asids", "guests whose TLB entries can be told apart", ("CPUID 8000000A.EBX",), _asids, "1"),
)
