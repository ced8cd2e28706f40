"""What the probes' facts mean for the noise of a measurement: a row for each fact."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from vbench.model import Fact, Value
from vbench.probes.kernel import SLOW_CLOCKS
from vbench.probes.question import NOT_PERMITTED, UNKNOWN
from vbench.run.quiet.finding import Finding, Severity, graded
from vbench.run.quiet.knobs import KNOBS

Judge = Callable[[Value], Severity]


@dataclass(frozen=True)
class Rule:
    """How a fact is judged, why it disturbs ("": as its knob says), and the mend ("": the fact's own fix)."""

    fact: str
    judge: Judge
    why: str = ""
    fix: str = ""
    reversible: bool | None = True


def words(otherwise: Severity, **known: Severity) -> Judge:
    """Return the judge of a fact that is a word; `_` in a name stands for `+`."""
    return lambda value: known.get(str(value).replace("+", "_"), otherwise)


def number(note: float, disturbs: float, severe: float) -> Judge:
    """Return the judge of a fact that is a number; a word in its place says nothing."""
    return lambda value: "unknown" if isinstance(value, str) else graded(value, note, disturbs, severe)


def _clock(value: Value) -> Severity:
    return "severe" if value in SLOW_CLOCKS else "fine"


NEVER = float("inf")
RULES = (
    Rule(
        "platform.is_guest",
        words("unknown", no="fine", yes="note"),
        "a hypervisor shares this machine's CPUs and disks with guests that cannot be seen from here",
        "measure on a machine of your own",
        reversible=None,
    ),
    Rule(
        "platform.container",
        words("note", none="fine"),
        "limits and neighbours outside this container cannot be seen from here",
        "run vbench on the host",
        reversible=None,
    ),
    Rule(
        "cpu.governor",
        # "none" is no driver in this kernel: a hypervisor or the firmware sets the clock, out of sight
        words("disturbs", performance="fine", none="unknown"),
    ),
    Rule(
        "cpu.turbo",
        words("unknown", no="fine", yes="disturbs"),
    ),
    Rule(
        "cpu.smt",
        words("unknown", no="fine", yes="disturbs"),
        "a job shares its core with whatever runs on the other thread",
    ),
    Rule(
        "cpu.throttled",
        number(1, NEVER, NEVER),
        "times since boot that the cores were slowed because they were too hot",
    ),
    Rule(
        "cpu.idle_driver",
        words("note", none="fine", haltpoll="fine"),
        "waking from a deep sleep state takes up to hundreds of microseconds, which latency jobs see",
        "cpupower idle-set -D 10",
    ),
    Rule(
        "cpu.isolated",
        lambda value: "note" if value == "none" else "fine",
        "jobs share their CPUs with every other process",
        "boot with isolcpus=, and run vbench on those CPUs with taskset",
        reversible=False,
    ),
    Rule(
        "cpu.nohz_full",
        lambda value: "note" if value == "none" else "fine",
        "the scheduler's tick interrupts jobs 100 to 1000 times a second",
        "boot with nohz_full= for the isolated CPUs",
        reversible=False,
    ),
    Rule(
        "memory.thp",
        words("unknown", madvise="fine", never="fine", always="disturbs"),
    ),
    Rule(
        "memory.thp_defrag",
        words("unknown", madvise="fine", never="fine", defer="fine", defer_madvise="fine", always="disturbs"),
    ),
    Rule(
        "memory.ksm",
        words("unknown", no="fine", yes="disturbs"),
    ),
    Rule(
        "memory.numa_nodes",
        number(2, NEVER, NEVER),
        "memory of another node is slower, and where a job's memory lies changes from boot to boot",
        "start vbench under numactl --cpunodebind=0 --membind=0",
    ),
    Rule(
        "memory.numa_balancing",
        words("unknown", no="fine", yes="disturbs"),
    ),
    Rule("memory.swap_used", number(1, NEVER, NEVER), "what was swapped out comes back in the middle of a job"),
    Rule("kernel.clocksource", _clock, "every reading of the time costs a microsecond or more"),
    Rule(
        "kernel.nmi_watchdog",
        number(1, 1, NEVER),
    ),
    Rule(
        "kernel.pressure.cpu",
        number(0.02, 0.1, 0.5),
        "share of the last minute that some process waited for a CPU",
        "see what is busy, and stop it",
    ),
    Rule(
        "kernel.pressure.io",
        number(0.02, 0.1, 0.5),
        "share of the last minute that some process waited for a disk",
        "see what reads or writes, and stop it",
    ),
    Rule(
        "kernel.pressure.memory",
        number(0.001, 0.01, 0.1),
        "share of the last minute that some process waited for memory",
        "free memory, or stop what takes it",
    ),
    Rule("cgroup.cpu_limit", words("severe", none="fine"), "a quota stops every process of this group now and then"),
    Rule("cgroup.throttled", number(1, NEVER, NEVER), "times that a CPU quota stopped this group"),
    Rule(
        "cgroup.memory_limit",
        words("note", none="fine"),
        "near its limit the group reclaims pages, its page cache first",
        "lift the memory limit of this control group",
    ),
)


def judged(facts: Mapping[str, Fact]) -> Iterator[Finding]:
    """Yield what the facts mean; a fact that is not there is unknown."""
    knobs = {knob.fact: knob for knob in KNOBS}
    for rule in RULES:
        fact = facts.get(rule.fact, Fact(rule.fact, UNKNOWN))
        unsure = fact.value in (UNKNOWN, NOT_PERMITTED)
        severity = "unknown" if unsure else rule.judge(fact.value)
        knob = knobs.get(rule.fact)
        fix = rule.fix or fact.fix or (knob.fix if knob else "")
        if severity in ("fine", "unknown"):
            fix = "run as root to see it" if fact.value == NOT_PERMITTED else ""
        yield Finding(
            what=rule.fact,
            value=fact.value,
            severity=severity,
            why=rule.why or (knob.why if knob else ""),
            fix=fix,
            unit=fact.unit,
            reversible=rule.reversible if fix else None,
            tunable=knob is not None and severity == "disturbs",
            source=fact.source,
        )
