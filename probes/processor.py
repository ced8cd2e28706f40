"""Which processor this is, and what makes its speed vary: threads, frequency, idle states, isolation, mitigations."""

from collections.abc import Mapping

from vbench.probes.question import UNKNOWN, Answer, Question, of_file, refused, yes
from vbench.probes.snapshot import Snapshot

CPU = "/sys/devices/system/cpu"
MOST_CPUS = 65536


def cpu_list(text: str | None) -> int | None:
    """Return how many CPUs a kernel's list names, None where it is no list.

    >>> cpu_list("0-3,8"), cpu_list(""), cpu_list("0-x"), cpu_list("0-99999999")
    (5, 0, None, None)
    """
    if text is None:
        return None
    count = 0
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(part) < 16):  # noqa: PLR2004
            return None
        count += int(last or first) - int(first) + 1
    return count if 0 <= count <= MOST_CPUS else None


def _model(snapshot: Snapshot) -> Answer:
    name = snapshot.cpu_field("model name", "Model Name", "cpu", "cpu model", "Processor", "uarch", "machine")
    part = snapshot.cpu_field("CPU part")
    if name is None and part is not None:
        name = f"implementer {snapshot.cpu_field('CPU implementer')} part {part}"
    if name is None and (kind := snapshot.cpu_field("marchid")) is not None:
        name = f"vendor {snapshot.cpu_field('mvendorid')} architecture {kind}"
    if name is None and (brand := _brand(snapshot)):
        return Answer(brand, "CPUID 80000002 to 80000004", "silicon")
    return Answer(name or UNKNOWN, "/proc/cpuinfo", "silicon")


def _brand(snapshot: Snapshot) -> str:
    leaves = [snapshot.cpuid(leaf) for leaf in (0x80000002, 0x80000003, 0x80000004)]
    return "".join(leaf.text("eax", "ebx", "ecx", "edx") for leaf in leaves if leaf).strip()


def vendor(snapshot: Snapshot) -> str | None:
    """Return the vendor's name as CPUID or /proc/cpuinfo writes it."""
    leaf = snapshot.cpuid(0)
    return leaf.text("ebx", "edx", "ecx") if leaf else snapshot.cpu_field("vendor_id", "CPU implementer", "mvendorid")


def _vendor(snapshot: Snapshot) -> Answer:
    return Answer(vendor(snapshot) or UNKNOWN, "CPUID 0" if snapshot.cpuid(0) else "/proc/cpuinfo", "silicon")


def _flags(snapshot: Snapshot) -> Answer:
    flags = snapshot.flags
    if flags is None and (isa := snapshot.cpu_field("isa")):
        flags = frozenset(isa.split("_"))
    return Answer(" ".join(sorted(flags)) if flags else UNKNOWN, "/proc/cpuinfo", "kernel-enabled")


def _count(snapshot: Snapshot) -> Answer:
    listed = cpu_list(snapshot.text(f"{CPU}/online"))
    if listed:
        return Answer(listed, f"{CPU}/online")
    ids = {group["processor"] for group in snapshot.cpuinfo if "processor" in group}
    listing = sum(key.startswith("processor ") for group in snapshot.cpuinfo for key in group)  # s390
    return Answer(len(ids) or listing or UNKNOWN, "/proc/cpuinfo")


def _kinds(snapshot: Snapshot) -> Answer:
    count = snapshot.kinds
    fix = "pin jobs to cores of one kind (taskset)" if count and count > 1 else None
    return Answer(count or UNKNOWN, "CPUID 1.EAX, 1A.EAX; /proc/cpuinfo", "silicon", fix)


def _usable(snapshot: Snapshot) -> Answer:
    count = snapshot.section("limits").get("affinity")
    return Answer(count if isinstance(count, int) else UNKNOWN, "sched_getaffinity", "permitted")


def _smt(snapshot: Snapshot) -> Answer:
    control = snapshot.text(f"{CPU}/smt/control")
    active = snapshot.flag(f"{CPU}/smt/active")
    if active is None:
        siblings = snapshot.text(f"{CPU}/cpu0/topology/thread_siblings_list")
        threads = cpu_list(siblings)
        return Answer(yes(None if threads is None else threads > 1), f"{CPU}/cpu0/topology/thread_siblings_list")
    fix = "echo off > /sys/devices/system/cpu/smt/control, or pin jobs to one thread of each core" if active else None
    return Answer(yes(active), f"{CPU}/smt/active ({control})", "kernel-enabled", fix)


def _governor(snapshot: Snapshot) -> Answer:
    pattern = f"{CPU}/cpu*/cpufreq/scaling_governor"
    names = {snapshot.text(path) or "" for path in snapshot.glob(pattern)} - {""}
    if not names:
        return Answer("none" if snapshot.exists(CPU) else UNKNOWN, "no cpufreq driver in the kernel")
    value = " ".join(sorted(names))
    return Answer(value, pattern, fix=None if value == "performance" else "cpupower frequency-set -g performance")


def _turbo(snapshot: Snapshot) -> Answer:
    off = snapshot.flag(f"{CPU}/intel_pstate/no_turbo")
    if off is not None:
        fix = None if off else f"echo 1 > {CPU}/intel_pstate/no_turbo for steadier figures"
        return Answer(yes(not off), f"{CPU}/intel_pstate/no_turbo", "kernel-enabled", fix)
    boost = snapshot.flag(f"{CPU}/cpufreq/boost")
    if boost is not None:
        fix = f"echo 0 > {CPU}/cpufreq/boost for steadier figures" if boost else None
        return Answer(yes(boost), f"{CPU}/cpufreq/boost", "kernel-enabled", fix)
    enable, hwcr = snapshot.msr(0x1A0), snapshot.msr(0xC0010015)
    if enable is not None and "Intel" in (vendor(snapshot) or ""):
        return Answer(yes(not enable >> 38 & 1), "MSR 1a0[38]", "firmware-enabled")
    if hwcr is not None:
        return Answer(yes(not hwcr >> 25 & 1), "MSR c0010015[25]", "firmware-enabled")
    return Answer(UNKNOWN, f"{CPU}/intel_pstate/no_turbo, {CPU}/cpufreq/boost")


def _isolated(snapshot: Snapshot) -> Answer:
    path = f"{CPU}/isolated"
    text = snapshot.text(path)
    if text is None and snapshot.files.get("/proc/cmdline") is not None:
        return Answer(snapshot.cmdline.get("isolcpus", "none"), "/proc/cmdline isolcpus=")
    return Answer(UNKNOWN if text is None else text or "none", path)


def _nohz_full(snapshot: Snapshot) -> Answer:
    text = snapshot.text(f"{CPU}/nohz_full")
    if text is None:
        missing = UNKNOWN if snapshot.files.get("/proc/cmdline") is None else "none"
        return Answer(snapshot.cmdline.get("nohz_full", missing), "/proc/cmdline nohz_full=")
    return Answer(text.strip("() ").replace("null", "") or "none", f"{CPU}/nohz_full")


def _vulnerabilities(snapshot: Snapshot) -> Mapping[str, Answer]:
    folder = f"{CPU}/vulnerabilities"
    return {
        name: Answer(snapshot.text(f"{folder}/{name}") or UNKNOWN, f"{folder}/{name}")
        for name in snapshot.names(folder)
    }


def _mitigations(snapshot: Snapshot) -> Answer:
    if snapshot.files.get("/proc/cmdline") is None:
        return Answer(refused(snapshot, "/proc/cmdline"), "/proc/cmdline mitigations=")
    off = [
        name
        for name in ("nopti", "nospectre_v1", "nospectre_v2", "nospec_store_bypass_disable")
        if name in snapshot.cmdline
    ]
    return Answer(" ".join([snapshot.cmdline.get("mitigations", "auto"), *off]), "/proc/cmdline mitigations=")


def _throttled(snapshot: Snapshot) -> Answer:
    pattern = f"{CPU}/cpu*/thermal_throttle/core_throttle_count"
    counts = [count for path in snapshot.glob(pattern) if (count := snapshot.number(path)) is not None]
    fix = "cool the machine or lower its power limit" if sum(counts) else None
    return Answer(sum(counts) if counts else UNKNOWN, pattern, fix=fix)


def _cache(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for path in snapshot.glob(f"{CPU}/cpu0/cache/index*"):
        level, kind = snapshot.number(f"{path}/level"), (snapshot.text(f"{path}/type") or "")[:1].lower()
        size = _kib(snapshot.text(f"{path}/size"))
        if level and size:
            found[f"l{level}{kind if kind in 'di' else ''}"] = Answer(size, f"{path}/size", "silicon")
    return found


def _kib(text: str | None) -> int | None:
    number = (text or "").removesuffix("K")
    return int(number) * 1024 if number.isdecimal() and len(number) < 10 else None  # noqa: PLR2004


def _address_bits(snapshot: Snapshot) -> Answer:
    leaf = snapshot.cpuid(0x80000008)
    if leaf:
        return Answer(leaf.eax & 0xFF, "CPUID 80000008.EAX[7:0]", "silicon")
    words = (snapshot.cpu_field("address sizes", "Address sizes") or "").split()
    return Answer(int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 4 else UNKNOWN, "/proc/cpuinfo")  # noqa: PLR2004


QUESTIONS = (
    Question("cpu.model", "the processor's name", ("/proc/cpuinfo", "CPUID 80000002"), _model),
    Question("cpu.vendor", "its vendor", ("CPUID 0", "/proc/cpuinfo"), _vendor),
    Question("cpu.flags", "the instruction sets that Linux lists, sorted", ("/proc/cpuinfo",), _flags),
    Question("cpu.count", "CPUs online", (f"{CPU}/online", "/proc/cpuinfo"), _count, "1"),
    Question(
        "cpu.kinds",
        "kinds of cores (a hybrid has two or more)",
        ("CPUID 1.EAX", "CPUID 1A.EAX", "/proc/cpuinfo"),
        _kinds,
        "1",
    ),
    Question("cpu.usable", "CPUs that this process may run on", ("sched_getaffinity",), _usable, "1"),
    Question(
        "cpu.address_bits", "width of a physical address", ("CPUID 80000008.EAX", "/proc/cpuinfo"), _address_bits, "bit"
    ),
    Question("cpu.cache.*", "sizes of CPU 0's caches", (f"{CPU}/cpu0/cache/index*/size",), _cache, "B"),
    Question("cpu.smt", "whether hardware threads share cores", (f"{CPU}/smt/active",), _smt),
    Question("cpu.governor", "what decides the clock frequency", (f"{CPU}/cpu*/cpufreq/scaling_governor",), _governor),
    Question(
        "cpu.turbo",
        "whether the clock may rise over its base",
        (f"{CPU}/intel_pstate/no_turbo", f"{CPU}/cpufreq/boost", "MSR 1a0[38]", "MSR c0010015[25]"),
        _turbo,
    ),
    Question(
        "cpu.frequency_driver",
        "the driver that sets the clock",
        (f"{CPU}/cpu0/cpufreq/scaling_driver",),
        of_file(f"{CPU}/cpu0/cpufreq/scaling_driver"),
    ),
    Question(
        "cpu.idle_driver",
        "the driver of the idle states",
        (f"{CPU}/cpuidle/current_driver",),
        of_file(f"{CPU}/cpuidle/current_driver"),
    ),
    Question("cpu.isolated", "CPUs kept free of other work", (f"{CPU}/isolated", "/proc/cmdline isolcpus="), _isolated),
    Question("cpu.nohz_full", "CPUs without the scheduler's tick", (f"{CPU}/nohz_full",), _nohz_full),
    Question(
        "cpu.throttled",
        "times that the cores were too hot",
        (f"{CPU}/cpu*/thermal_throttle/core_throttle_count",),
        _throttled,
        "1",
    ),
    Question(
        "cpu.mitigations", "what the command line says of mitigations", ("/proc/cmdline mitigations=",), _mitigations
    ),
    Question(
        "cpu.vulnerability.*",
        "each known flaw and what is done about it",
        (f"{CPU}/vulnerabilities/*",),
        _vulnerabilities,
    ),
)
