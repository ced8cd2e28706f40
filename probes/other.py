"""What only some architectures ask: ARM's VHE and GIC, RISC-V's AIA, s390's nesting, a partition's name."""

from vbench.probes.question import UNKNOWN, Answer, Question, switch, yes
from vbench.probes.snapshot import Snapshot


def _of(arch: str, snapshot: Snapshot) -> bool:
    return (snapshot.arch or "").startswith(arch)


def _vhe(snapshot: Snapshot) -> Answer | None:
    if not _of("aarch64", snapshot):
        return None
    holds = any(" VHE mode initialized" in line or "Virtualization Host Extensions" in line for line in snapshot.log)
    below = any("started at EL1" in line for line in snapshot.log)
    known = holds or below or any("kvm" in line.lower() and "mode initialized" in line for line in snapshot.log)
    return Answer(yes(holds if known else None), "kernel log: VHE mode initialized, started at EL1", "kernel-enabled")


def _gic(snapshot: Snapshot) -> Answer | None:
    if not _of("aarch64", snapshot):
        return None
    texts = (snapshot.text(path) or "" for path in snapshot.glob("/proc/device-tree/*/compatible"))
    found = " ".join((*snapshot.log, *texts, snapshot.text("/proc/interrupts") or ""))
    names = (
        ("GICv4.1", "4.1"),
        ("GICv4", "4"),
        ("GICv3", "3"),
        ("gic-v3", "3"),
        ("GICv2", "2"),
        ("gic-400", "2"),
        ("GIC-0", "2"),
    )
    return Answer(
        next((version for word, version in names if word in found), UNKNOWN),
        "kernel log, device tree, /proc/interrupts",
    )


def _aia(snapshot: Snapshot) -> Answer | None:
    isa = snapshot.cpu_field("hart isa", "isa")
    if not _of("riscv", snapshot) or isa is None:
        return None
    words = isa.lower().split("_")
    return Answer(yes("smaia" in words or "ssaia" in words), "/proc/cpuinfo isa", "kernel-enabled")


def _huge_guests(snapshot: Snapshot) -> Answer | None:
    path = "/sys/module/kvm/parameters/hpage"
    answer = switch(path, "kernel-enabled")(snapshot)
    return answer if _of("s390", snapshot) and isinstance(answer, Answer) else None


def _partition(snapshot: Snapshot) -> Answer | None:
    text = snapshot.text("/proc/device-tree/ibm,partition-name")
    return Answer(text[:64], "/proc/device-tree/ibm,partition-name") if text else None


def _shared(snapshot: Snapshot) -> Answer | None:
    for line in snapshot.lines("/proc/ppc64/lparcfg"):
        key, _, value = line.partition("=")
        if key == "shared_processor_mode":
            return Answer(yes({"0": False, "1": True}.get(value.strip())), "/proc/ppc64/lparcfg shared_processor_mode")
    return None


QUESTIONS = (
    Question("arm.vhe", "whether the kernel itself runs at EL2", ("kernel log",), _vhe),
    Question(
        "arm.gic",
        "the interrupt controller's version (4 gives guests their interrupts directly)",
        ("kernel log", "device tree"),
        _gic,
    ),
    Question("riscv.aia", "the advanced interrupt architecture", ("/proc/cpuinfo isa",), _aia),
    Question(
        "s390.huge_guest_pages", "guests backed by huge pages", ("/sys/module/kvm/parameters/hpage",), _huge_guests
    ),
    Question("power.partition", "the partition's name", ("/proc/device-tree/ibm,partition-name",), _partition),
    Question(
        "power.shared_processors", "whether the partition shares its processors", ("/proc/ppc64/lparcfg",), _shared
    ),
)
