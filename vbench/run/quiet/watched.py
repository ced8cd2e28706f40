"""What a second of watching says."""

from collections.abc import Iterator, Mapping

from vbench.model import Fact
from vbench.probes.question import UNKNOWN
from vbench.run.quiet.activity import Activity
from vbench.run.quiet.finding import Finding, graded, number_of


def watched(seen: Activity, facts: Mapping[str, Fact]) -> Iterator[Finding]:
    """Yield what was seen while we did nothing."""
    names = ", ".join(f"{name} ({pid}) {100 * share:.0f} %" for name, pid, share in seen.busiest)
    busy = f"CPU time that others took while we watched{f': {names}' if names else ''}"
    yield _graded("now.busy", seen.busy, (0.02, 0.1, 0.25), busy, "stop it, or wait for its end")
    yield _steal(seen, facts)
    irq = "CPU time that went into interrupts while nothing of ours ran"
    yield _graded("now.interrupting", seen.interrupting, (0.005, 0.02, 0.1), irq, "see /proc/interrupts for the device")
    cpus = number_of(facts, "cpu.count") or 1
    rates = (cpus * 2000.0, cpus * 10000.0, cpus * 50000.0)
    for what, rate in (("now.interrupts", seen.interrupts), ("now.switches", seen.switches)):
        word = "interrupts" if what == "now.interrupts" else "context switches"
        yield _graded(what, rate, rates, f"{word} of all CPUs while nothing of ours ran", "see what causes them", "1/s")
    disk = "share of the time that the busiest disk worked for others"
    yield _graded("now.disk", seen.disk, (0.02, 0.1, 0.3), disk, "stop what reads or writes")
    swap = "pages that went to and from the swap space"
    yield _graded("now.swapped", seen.swapped, (1.0, 10.0, 100.0), swap, "free memory, or swapoff -a", "1/s")
    hot = "times that cores were slowed for heat or power while we watched"
    cool = "cool the machine or lower its power limit"
    yield _graded("now.throttled", seen.throttled, (1, 1, 1), hot, cool)


def _steal(seen: Activity, facts: Mapping[str, Fact]) -> Finding:
    """Judge the stolen time; a guest that never saw any may have a hypervisor that does not tell."""
    why = "CPU time that the hypervisor gave to others while we watched"
    found = _graded("now.steal", seen.steal, (0.001, 0.01, 0.05), why, "pin this guest's vCPUs, or measure elsewhere")
    metal = facts.get("platform.is_guest", Fact("", UNKNOWN)).value == "no"
    if found.severity == "fine" and not metal and not seen.stolen:
        return Finding(found.what, found.value, "unknown", f"{why}; none since boot, so it may not tell", unit="1")
    return found


def _graded(
    what: str,
    value: float | None,
    limits: tuple[float, float, float],
    why: str,
    fix: str,
    unit: str = "1",
) -> Finding:
    if value is None:
        return Finding(what, UNKNOWN, "unknown", why, unit=unit)
    severity = graded(value, *limits)
    bad = severity != "fine"
    return Finding(what, round(value, 5), severity, why, fix if bad else "", unit, True if bad else None)
