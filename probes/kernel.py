"""The kernel: its version, clock, preemption and switches, and what else it is doing right now."""

from collections.abc import Mapping

from vbench.probes.question import UNKNOWN, Answer, Question, number_of, of_file, refused, yes
from vbench.probes.snapshot import Snapshot

CLOCK = "/sys/devices/system/clocksource/clocksource0"
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")
MUCH_STEAL = 0.01
TICKS = 100  # USER_HZ, the unit of /proc/stat, on every architecture that Linux runs guests on


def _release(snapshot: Snapshot) -> Answer:
    release = snapshot.json.get("kernel") or snapshot.text("/proc/sys/kernel/osrelease")
    if not isinstance(release, str):
        words = (snapshot.text("/proc/version") or "").split()
        release = words[2] if words[:2] == ["Linux", "version"] and len(words) > 2 else UNKNOWN  # noqa: PLR2004
    return Answer(release, "uname")


def _preemption(snapshot: Snapshot) -> Answer:
    live = snapshot.text("/sys/kernel/debug/sched/preempt")
    if live and "(" in live:
        return Answer(live.partition("(")[2].partition(")")[0], "/sys/kernel/debug/sched/preempt")
    if snapshot.flag("/sys/kernel/realtime"):
        return Answer("realtime", "/sys/kernel/realtime")
    words = (snapshot.text("/proc/version") or "").split()
    names = {"PREEMPT_RT": "realtime", "PREEMPT_DYNAMIC": "dynamic", "PREEMPT": "full", "PREEMPT_LAZY": "lazy"}
    found = next((names[word] for word in words if word in names), None)
    chosen = snapshot.cmdline.get("preempt") if found == "dynamic" else None
    missing = "none or voluntary" if words else refused(snapshot, "/proc/version")
    return Answer(chosen or found or missing, "/proc/version, /proc/cmdline preempt=")


def _clocksource(snapshot: Snapshot) -> Answer:
    path = f"{CLOCK}/current_clocksource"
    name = snapshot.text(path)
    fix = None
    if name in SLOW_CLOCKS:
        fix = f"boot with tsc=reliable clocksource=tsc, if this machine's TSC is sound: reading {name} is slow"
    return Answer(name or refused(snapshot, path), path, "kernel-enabled", fix)


def _cpu_times(snapshot: Snapshot) -> list[int]:
    lines = snapshot.lines("/proc/stat")
    words = lines[0].split()[1:] if lines and lines[0].startswith("cpu ") else []
    return [int(word) for word in words if word.isdecimal() and len(word) < 20]  # noqa: PLR2004


def _steal(snapshot: Snapshot) -> Answer:
    times = _cpu_times(snapshot)
    if len(times) < 8:  # noqa: PLR2004 - user nice system idle iowait irq softirq steal
        return Answer(UNKNOWN, "/proc/stat")
    return Answer(times[7] / TICKS, "/proc/stat cpu, 8th number")


def _steal_share(snapshot: Snapshot) -> Answer:
    times = _cpu_times(snapshot)[:8]
    if len(times) < 8 or not sum(times):  # noqa: PLR2004
        return Answer(UNKNOWN, "/proc/stat")
    share = times[7] / sum(times)
    fix = (
        "the host gives this guest's CPUs to others: pin its vCPUs, or measure at another time"
        if share > MUCH_STEAL
        else None
    )
    return Answer(round(share, 5), "/proc/stat cpu: steal of all time since boot", fix=fix)


def _load(snapshot: Snapshot) -> Answer:
    word = (snapshot.text("/proc/loadavg") or "").split(" ")[0]
    sound = word.replace(".", "", 1).isdecimal() and len(word) < 12  # noqa: PLR2004
    return Answer(float(word) if sound else UNKNOWN, "/proc/loadavg")


def _pressure(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for path in snapshot.glob("/proc/pressure/*"):
        words = dict(word.partition("=")[::2] for word in (snapshot.lines(path) or [""])[0].split())
        average = words.get("avg60", "")
        if average.replace(".", "", 1).isdecimal() and len(average) < 8:  # noqa: PLR2004
            found[path.rpartition("/")[2]] = Answer(float(average) / 100, f"{path} avg60")
    return found


def _io_uring(snapshot: Snapshot) -> Answer:
    number = snapshot.section("io_uring").get("errno")
    switch = snapshot.number("/proc/sys/kernel/io_uring_disabled")
    if number == 0:
        return Answer("yes", "io_uring_setup", "proven")
    if isinstance(number, int):
        reasons = {1: "EPERM", 38: "ENOSYS", 22: "EINVAL", 12: "ENOMEM"}
        fix = "sysctl kernel.io_uring_disabled=0" if switch else "run with a seccomp profile that allows io_uring"
        return Answer("no", f"io_uring_setup: {reasons.get(number, number)}", "permitted", fix)
    if switch is not None:
        return Answer(yes(switch == 0), "/proc/sys/kernel/io_uring_disabled", "kernel-enabled")
    return Answer(UNKNOWN, "io_uring_setup, /proc/sys/kernel/io_uring_disabled")


def _lockdown(snapshot: Snapshot) -> Answer:
    path = "/sys/kernel/security/lockdown"
    text = snapshot.text(path)
    return Answer(
        refused(snapshot, path) if text is None else text.partition("[")[2].partition("]")[0] or UNKNOWN, path
    )


QUESTIONS = (
    Question("kernel.release", "the kernel's version", ("uname", "/proc/version"), _release),
    Question(
        "kernel.arch",
        "the machine's architecture",
        ("uname", "/proc/cpuinfo"),
        lambda s: Answer(s.arch or UNKNOWN, "uname"),
    ),
    Question("kernel.cmdline", "what the kernel was started with", ("/proc/cmdline",), of_file("/proc/cmdline")),
    Question(
        "kernel.preemption",
        "when a job can be interrupted inside the kernel",
        ("/sys/kernel/debug/sched/preempt", "/proc/version", "/proc/cmdline preempt="),
        _preemption,
    ),
    Question("kernel.clocksource", "what the clock is read from", (f"{CLOCK}/current_clocksource",), _clocksource),
    Question(
        "kernel.clocksources",
        "what it could be read from",
        (f"{CLOCK}/available_clocksource",),
        of_file(f"{CLOCK}/available_clocksource"),
    ),
    Question("kernel.steal", "CPU time that a hypervisor gave to others since boot", ("/proc/stat",), _steal, "s"),
    Question("kernel.steal_share", "the same as a share of all time", ("/proc/stat",), _steal_share, "1"),
    Question("kernel.load", "jobs that wanted a CPU in the last minute", ("/proc/loadavg",), _load, "1"),
    Question(
        "kernel.pressure.*", "share of the last minute that some job waited", ("/proc/pressure/*",), _pressure, "1"
    ),
    Question(
        "kernel.entropy",
        "random bits at hand",
        ("/proc/sys/kernel/random/entropy_avail",),
        number_of("/proc/sys/kernel/random/entropy_avail"),
        "bit",
    ),
    Question(
        "kernel.io_uring", "whether io_uring works", ("io_uring_setup", "/proc/sys/kernel/io_uring_disabled"), _io_uring
    ),
    Question(
        "kernel.aslr",
        "address space randomisation",
        ("/proc/sys/kernel/randomize_va_space",),
        number_of("/proc/sys/kernel/randomize_va_space"),
        "1",
    ),
    Question(
        "kernel.perf_paranoid",
        "who may count events",
        ("/proc/sys/kernel/perf_event_paranoid",),
        number_of("/proc/sys/kernel/perf_event_paranoid"),
        "1",
    ),
    Question(
        "kernel.nmi_watchdog",
        "whether a watchdog takes a counter",
        ("/proc/sys/kernel/nmi_watchdog",),
        number_of("/proc/sys/kernel/nmi_watchdog"),
        "1",
    ),
    Question("kernel.lockdown", "what even root may not do", ("/sys/kernel/security/lockdown",), _lockdown),
    Question("kernel.lsm", "security modules", ("/sys/kernel/security/lsm",), of_file("/sys/kernel/security/lsm")),
)
