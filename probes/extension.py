"""Whether this processor can run guests, on every architecture, and whether firmware and kernel let it."""

from collections.abc import Mapping
from dataclasses import replace

from vbench.model import Level
from vbench.probes.processor import vendor
from vbench.probes.question import UNKNOWN, Answer, Question, yes
from vbench.probes.snapshot import Snapshot

FEATURE_CONTROL = 0x3A  # IA32_FEATURE_CONTROL: [0] lock, [2] VMX outside SMX
VM_CR = 0xC0010114  # AMD: [3] lock, [4] SVMDIS
SIE_AGE = ("vxd", "vxe", "gs", "facilities")  # what s390 kernels list that are as young as the `sie` flag
VMX_FIX = "enable Intel VT-x (VMX) in the firmware set-up, then power the machine off and on"
SVM_FIX = "enable SVM (AMD-V) in the firmware set-up"
GUEST_FIX = "ask for nested virtualization on the host of this guest"


def virtualization(snapshot: Snapshot) -> Answer:
    """Return cpu.virtualization: vmx, svm, sie, hv, el2, none or unknown."""
    if snapshot.x86:
        return _of_cpuid(snapshot) or _of_flags(snapshot)
    arch = snapshot.arch or ""
    for stems, ask in (
        (("s390",), _s390),
        (("ppc",), _power),
        (("riscv",), _riscv),
        (("loongarch",), _loongarch),
        (("aarch64", "arm"), _arm),
    ):
        if arch.startswith(stems):
            return _used(snapshot, ask(snapshot))
    return Answer(UNKNOWN, "no probe for this architecture")


def _used(snapshot: Snapshot, answer: Answer) -> Answer:
    """Return what only this extension lets KVM do (on POWER, kvm_pr does without) as the answer's level."""
    reached = None if (snapshot.arch or "").startswith("ppc") else _by_kvm(snapshot)
    return answer if answer.value in ("none", UNKNOWN) else replace(answer, level=reached or answer.level)


def _by_kvm(snapshot: Snapshot) -> Level | None:
    kvm, run = snapshot.section("kvm"), snapshot.section("kvm").get("run")
    if isinstance(run, Mapping) and run.get("ok") is True:
        return "proven"
    return "permitted" if kvm.get("create_vm_errno") == 0 else None


def _of_cpuid(snapshot: Snapshot) -> Answer | None:
    basic, extended = snapshot.cpuid(1), snapshot.cpuid(0x80000001)
    if basic and basic.ecx >> 5 & 1:
        return Answer("vmx", "CPUID 1.ECX[5]", *_how_far(snapshot, "vmx"))
    if extended and extended.ecx >> 2 & 1:
        return Answer("svm", "CPUID 80000001.ECX[2]", *_how_far(snapshot, "svm"))
    if not basic:
        return None
    fix = GUEST_FIX if basic.ecx >> 31 else None
    return Answer("none", "CPUID 1.ECX[5] and 80000001.ECX[2] are clear", "silicon", fix)


def _how_far(snapshot: Snapshot, name: str) -> tuple[Level, str | None]:
    """Return the level that the evidence reaches and, where the way is barred, the fix."""
    reached = _by_kvm(snapshot)
    if reached and any(snapshot.exists(f"/sys/module/{module}") for module in ("kvm_intel", "kvm_amd")):
        return reached, None
    enabled, _, fix = firmware(snapshot, name)
    if enabled is False:
        return "silicon", fix
    if snapshot.flags is not None and name in snapshot.flags:
        return "kernel-enabled", None
    return ("firmware-enabled" if enabled else "silicon"), None


def firmware(snapshot: Snapshot, name: str) -> tuple[bool | None, str, str | None]:
    """Return whether firmware allows the extension, how that is known, and the fix where it does not."""
    control, vm_cr = snapshot.msr(FEATURE_CONTROL), snapshot.msr(VM_CR)
    if name == "vmx" and control is not None:
        return not control & 1 or bool(control & 4), "MSR 3a[2,0]", None if not control & 1 or control & 4 else VMX_FIX
    if name == "svm" and vm_cr is not None:
        return not vm_cr & 0x10, "MSR c0010114[4] SVMDIS", SVM_FIX if vm_cr & 0x10 else None
    if snapshot.flags is not None:  # Linux takes the flag away where firmware has locked it off
        source = f"/proc/cpuinfo flags {'lists' if name in snapshot.flags else 'lacks'} {name}"
        return (
            name in snapshot.flags,
            source,
            None if name in snapshot.flags else {"vmx": VMX_FIX, "svm": SVM_FIX}[name],
        )
    return None, "MSR 3a, MSR c0010114, /proc/cpuinfo flags", None


def _of_flags(snapshot: Snapshot) -> Answer:
    if snapshot.flags is None:
        return Answer(UNKNOWN, "CPUID 1.ECX[5], CPUID 80000001.ECX[2], /proc/cpuinfo flags")
    for name in ("vmx", "svm"):
        if name in snapshot.flags:
            return Answer(name, "/proc/cpuinfo flags", *_how_far(snapshot, name))
    fixes = {"GenuineIntel": VMX_FIX, "AuthenticAMD": SVM_FIX, "HygonGenuine": SVM_FIX}
    fix = (
        GUEST_FIX
        if "hypervisor" in snapshot.flags
        else f"if the processor has it: {fixes.get(vendor(snapshot) or '', VMX_FIX)}"
    )
    return Answer("none", "/proc/cpuinfo flags", "kernel-enabled", fix)


def _s390(snapshot: Snapshot) -> Answer:
    flags = snapshot.flags
    if flags is not None and "sie" in flags:
        return Answer("sie", "/proc/cpuinfo features", "kernel-enabled")
    listed = {key for group in snapshot.cpuinfo for key in group} | (flags or frozenset())
    if flags is not None and listed.intersection(SIE_AGE):
        return Answer("none", "/proc/cpuinfo features lacks sie", "kernel-enabled", GUEST_FIX)
    return Answer(UNKNOWN, "/proc/cpuinfo features (a kernel older than the sie flag)")


def _power(snapshot: Snapshot) -> Answer:
    platform = snapshot.cpu_field("platform") or ""
    if platform == "PowerNV" or "ibm,powernv" in (snapshot.text("/proc/device-tree/compatible") or ""):
        return Answer("hv", "PowerNV: the kernel runs in hypervisor mode", "firmware-enabled")
    if snapshot.exists("/sys/module/kvm_hv"):
        return Answer("hv", "/sys/module/kvm_hv (nested)", "kernel-enabled")
    if platform == "pSeries":
        return Answer("none", "/proc/cpuinfo platform pSeries", "kernel-enabled", GUEST_FIX)
    return Answer(UNKNOWN, "/proc/cpuinfo platform")


def _riscv(snapshot: Snapshot) -> Answer:
    isa = (snapshot.cpu_field("hart isa", "isa") or "").lower()
    if not isa.startswith(("rv32", "rv64")):
        return Answer(UNKNOWN, "/proc/cpuinfo isa")
    single, *extensions = isa[4:].split("_")
    holds = "h" in single.split("z")[0].split("s")[0] or "h" in extensions
    return Answer("hv" if holds else "none", "/proc/cpuinfo isa", "kernel-enabled")


def _loongarch(snapshot: Snapshot) -> Answer:
    if snapshot.flags is None:
        return Answer(UNKNOWN, "/proc/cpuinfo features")
    return Answer("hv" if "lvz" in snapshot.flags else "none", "/proc/cpuinfo features lvz", "kernel-enabled")


def _arm(snapshot: Snapshot) -> Answer:
    for line in snapshot.log:
        if "started at EL2" in line:
            return Answer("el2", "kernel log: CPUs started at EL2", "firmware-enabled")
        if "started at EL1" in line:
            return Answer("none", "kernel log: CPUs started at EL1", "firmware-enabled", GUEST_FIX)
    if snapshot.section("kvm").get("api_version") == 12 or snapshot.node("/dev/kvm"):  # noqa: PLR2004 - KVM's only version
        return Answer("el2", "/dev/kvm", "kernel-enabled")
    return Answer(UNKNOWN, "kernel log: CPUs started at EL2, /dev/kvm")


def _firmware(snapshot: Snapshot) -> Answer | None:
    name = virtualization(snapshot).value
    if name not in ("vmx", "svm"):
        return None
    enabled, source, fix = firmware(snapshot, str(name))
    return Answer(yes(enabled), source, "firmware-enabled", fix)


QUESTIONS = (
    Question(
        "cpu.virtualization",
        "the extension for running guests: vmx, svm, sie, hv, el2 or none",
        ("CPUID 1.ECX[5]", "CPUID 80000001.ECX[2]", "/proc/cpuinfo", "kernel log", "/dev/kvm"),
        virtualization,
    ),
    Question(
        "cpu.virtualization_enabled",
        "whether firmware lets it be used",
        ("MSR 3a", "MSR c0010114", "/proc/cpuinfo flags"),
        _firmware,
    ),
)
