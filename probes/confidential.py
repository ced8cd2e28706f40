"""Guests whose memory the host cannot read: AMD SEV, Intel TDX and SGX, s390 Secure Execution, ARM pKVM and CCA."""

from collections.abc import Mapping

from vbench.probes.helpers import Node, usable
from vbench.probes.question import UNKNOWN, Answer, Question, yes
from vbench.probes.snapshot import Snapshot, whole

LEAF = 0x8000001F  # AMD: EAX 0 SME, 1 SEV, 3 SEV-ES, 4 SEV-SNP
AMD = (("sme", 0, None), ("sev", 1, "sev"), ("sev_es", 3, "sev_es"), ("sev_snp", 4, "sev_snp"))
VM_TYPES = {
    0: "default",
    1: "software-protected",
    2: "sev",
    3: "sev-es",
    4: "sev-snp",
    5: "tdx",
}  # asm/kvm.h KVM_X86_*_VM
CAP_VM_TYPES = "235"
UV = "/sys/firmware/uv"
SGX_FIX = "enable SGX in the firmware set-up"


def _amd(snapshot: Snapshot) -> Mapping[str, Answer]:
    leaf = snapshot.cpuid(LEAF)
    if leaf is None and not (snapshot.flags and snapshot.flags & {"sme", "sev", "sev_es", "sev_snp"}):
        return {}
    return {name: _amd_one(snapshot, name, bit, parameter) for name, bit, parameter in AMD}


def _amd_one(snapshot: Snapshot, name: str, bit: int, parameter: str | None) -> Answer:
    leaf = snapshot.cpuid(LEAF)
    path = f"/sys/module/kvm_amd/parameters/{parameter}"
    enabled = snapshot.flag(path) if parameter else None
    if enabled:
        allowed = usable(snapshot, Node("sev", "/dev/sev", "", "")).value == "yes"
        return Answer("yes", f"{path}, /dev/sev" if allowed else path, "permitted" if allowed else "kernel-enabled")
    if leaf is None:
        return Answer(yes(name in (snapshot.flags or ())), "/proc/cpuinfo flags", "kernel-enabled")
    holds = bool(leaf.eax >> bit & 1)
    fix = (
        f"enable it in the firmware set-up, then modprobe kvm_amd {parameter}=1" if holds and enabled is False else None
    )
    return Answer(
        yes(holds), f"CPUID 8000001F.EAX[{bit}]" + (f"; {path} N" if enabled is False else ""), "silicon", fix
    )


def _tdx(snapshot: Snapshot) -> Answer | None:
    switched = snapshot.flag("/sys/module/kvm_intel/parameters/tdx")
    if switched:
        return Answer("yes", "/sys/module/kvm_intel/parameters/tdx", "kernel-enabled")
    if snapshot.flags is None or not snapshot.x86:
        return None
    holds = "tdx_host_platform" in snapshot.flags
    fix = "modprobe kvm_intel tdx=1" if holds else None
    return Answer(yes(holds), "/proc/cpuinfo flags tdx_host_platform", "firmware-enabled", fix)


def _types(snapshot: Snapshot) -> Answer | None:
    caps = snapshot.section("kvm").get("caps")
    bits = caps.get(CAP_VM_TYPES) if isinstance(caps, Mapping) else None
    if not isinstance(bits, int) or not snapshot.x86:
        return None
    names = [name for bit, name in VM_TYPES.items() if bits >> bit & 1]
    return Answer(" ".join(names) or "none", f"KVM_CAP_VM_TYPES {bits:#x}", "permitted")


def _sgx(snapshot: Snapshot) -> Answer | None:
    if not snapshot.x86:
        return None
    leaf = snapshot.cpuid(7)
    device = usable(snapshot, Node("sgx", "/dev/sgx_enclave", "", ""))
    if device.value in ("yes", "not-permitted"):
        return Answer("yes", "/dev/sgx_enclave", "permitted" if device.value == "yes" else "kernel-enabled")
    if leaf is None:
        return Answer(UNKNOWN, "CPUID 7.EBX[2]")
    holds = bool(leaf.ebx >> 2 & 1)
    return Answer(yes(holds), "CPUID 7.EBX[2]", "silicon", SGX_FIX if holds else None)


def _guest(snapshot: Snapshot) -> Answer:
    leaf = snapshot.cpuid(0x21)
    if leaf and leaf.text("ebx", "edx", "ecx").strip() == "IntelTDX":
        return Answer("tdx", "CPUID 21", "proven")
    if snapshot.text(f"{UV}/prot_virt_guest") == "1":
        return Answer("secure-execution", f"{UV}/prot_virt_guest", "proven")
    for line in snapshot.log:
        _, marker, rest = line.partition("Memory Encryption Features active: ")
        if marker and "SEV" in rest:
            return Answer(
                "sev-snp" if "SNP" in rest else "sev-es" if "SEV-ES" in rest else "sev", "kernel log", "proven"
            )
    for path, name in (("/dev/sev-guest", "sev-snp"), ("/dev/tdx_guest", "tdx")):
        if snapshot.node(path):
            return Answer(name, path, "kernel-enabled")
    known = (
        leaf is not None
        or snapshot.errors.get("/dev/sev-guest") == "ENOENT"
        or snapshot.exists(f"{UV}/prot_virt_guest")
    )
    return Answer("none" if known else UNKNOWN, "CPUID 21, /dev/sev-guest, /dev/tdx_guest, /sys/firmware/uv")


def _secure_execution(snapshot: Snapshot) -> Answer | None:
    number = whole(snapshot.text(f"{UV}/prot_virt_host"))
    if not (snapshot.arch or "").startswith("s390"):
        return None
    fix = None if number else "add prot_virt=1 to the kernel command line"
    return Answer(yes(None if number is None else number > 0), f"{UV}/prot_virt_host", "kernel-enabled", fix)


def _arm(snapshot: Snapshot) -> Answer | None:
    if not (snapshot.arch or "").startswith("aarch64"):
        return None
    if snapshot.cmdline.get("kvm-arm.mode") == "protected" or any("Protected nVHE" in line for line in snapshot.log):
        return Answer("pkvm", "kernel log, /proc/cmdline kvm-arm.mode=protected", "kernel-enabled")
    if any("RME" in line and "kvm" in line.lower() for line in snapshot.log):
        return Answer("cca", "kernel log", "kernel-enabled")
    return Answer("none" if snapshot.log else UNKNOWN, "kernel log, /proc/cmdline kvm-arm.mode")


QUESTIONS = (
    Question(
        "confidential.guest",
        "whether this is a confidential guest, and of which make",
        ("CPUID 21", "/dev/sev-guest", "/dev/tdx_guest", "kernel log", f"{UV}/prot_virt_guest"),
        _guest,
    ),
    Question(
        "confidential.amd.*",
        "SME, SEV, SEV-ES, SEV-SNP",
        ("CPUID 8000001F.EAX", "/sys/module/kvm_amd/parameters/sev*"),
        _amd,
    ),
    Question(
        "confidential.tdx",
        "TDX guests",
        ("/proc/cpuinfo flags tdx_host_platform", "/sys/module/kvm_intel/parameters/tdx"),
        _tdx,
    ),
    Question("confidential.vm_types", "the kinds of guests that KVM makes", ("KVM_CAP_VM_TYPES (235)",), _types),
    Question("confidential.sgx", "SGX enclaves", ("CPUID 7.EBX[2]", "/dev/sgx_enclave"), _sgx),
    Question(
        "confidential.secure_execution", "s390 Secure Execution guests", (f"{UV}/prot_virt_host",), _secure_execution
    ),
    Question("confidential.arm", "pKVM or CCA", ("kernel log", "/proc/cmdline kvm-arm.mode"), _arm),
)
