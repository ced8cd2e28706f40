"""All that the doctor finds by looking: the probes' facts, a second of watching, the neighbours, the knobs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from vbench.agent import collect
from vbench.model import Fact
from vbench.probes import Snapshot
from vbench.probes import facts as facts_of
from vbench.probes.question import UNKNOWN
from vbench.run.quiet.activity import Activity, watch
from vbench.run.quiet.beside import beside
from vbench.run.quiet.finding import Finding, Severity, graded, number_of, ordered
from vbench.run.quiet.heat import heat
from vbench.run.quiet.knobs import settings
from vbench.run.quiet.rules import judged
from vbench.run.quiet.watched import watched

MACHINE = Path("/")
SPREAD = 0.02  # by which the CPUs' clocks may differ
BUSY = (0.1, 0.5, 1.0)  # load per CPU
LITTLE_MEMORY = (0.75, 0.85, 0.95)  # shares in use


def examine(seconds: float = 1.0) -> list[Finding]:
    """Look at this machine for a second or so; return the findings, the worst first. Never raises for what it lacks."""
    options: dict[str, object] = {"kvm": False, "io_uring": False, "log": False}
    return findings(Snapshot.of(collect.snapshot(options)), watch(seconds), MACHINE)


def findings(snapshot: Snapshot, activity: Activity, root: Path) -> list[Finding]:
    """Return what a snapshot, an activity and the live tree at `root` say, the worst first."""
    facts = {fact.key: fact for fact in facts_of(snapshot)}
    found = [
        *judged(facts),
        _load(facts),
        *_memory(facts),
        _frequency(snapshot),
        heat(root),
        *watched(activity, facts),
        *beside(root, facts),
    ]
    named = {one.what: one for one in found}
    named |= {one.what: one for one in _knobs(root) if one.what not in named or not named[one.what].tunable}
    return ordered(named.values())


def _load(facts: Mapping[str, Fact]) -> Finding:
    load, cpus = number_of(facts, "kernel.load"), number_of(facts, "cpu.count")
    why = "processes that wanted a CPU in the last minute, ours among them"
    if load is None or not cpus:
        return Finding("kernel.load", UNKNOWN, "unknown", why, unit="1")
    severity = graded(load / cpus, *BUSY)
    fix = "see what is busy, and stop it or wait" if severity != "fine" else ""
    return Finding("kernel.load", load, severity, why, fix, "1", True if fix else None, source="/proc/loadavg")


def _memory(facts: Mapping[str, Fact]) -> Iterator[Finding]:
    free, total = number_of(facts, "memory.available"), number_of(facts, "memory.total")
    why = "with little memory free the kernel reclaims pages during a job, and guests may not start"
    severity: Severity = "unknown" if free is None or not total else graded(1 - free / total, *LITTLE_MEMORY)
    fix = "free memory, or give the targets less with --memory" if severity not in ("fine", "unknown") else ""
    yield Finding("memory.available", UNKNOWN if free is None else free, severity, why, fix, "B", True if fix else None)
    sizes = {key.split(".")[2]: fact.value for key, fact in facts.items() if key.endswith(".total") and "huge" in key}
    value = ", ".join(f"{count} of {size}" for size, count in sizes.items())
    some = any(isinstance(count, int) and count > 0 for count in sizes.values())
    yield Finding(
        "memory.huge_pages",
        value or UNKNOWN,
        "fine" if some else "note" if value else "unknown",
        "where none is set aside, the kernel decides whether a guest's memory lies in huge pages",
        "" if some or not value else "sysctl vm.nr_hugepages=N, for guests whose memory is to lie in them",
        reversible=None if some or not value else True,
    )


def _frequency(snapshot: Snapshot) -> Finding:
    """Compare the CPUs' clocks, whose spread shows a governor or a turbo at work."""
    clocks = [float(text) for group in snapshot.cpuinfo if (text := group.get("cpu MHz", "")) and _plain(text)]
    why = "where the CPUs' clocks differ, a job's speed depends on which one it gets"
    source = "/proc/cpuinfo cpu MHz"
    if not clocks or not max(clocks):
        return Finding("cpu.frequency", UNKNOWN, "unknown", why, unit="Hz", source=source)
    spread = 1 - min(clocks) / max(clocks)
    return Finding(
        "cpu.frequency",
        max(clocks) * 1e6,
        "note" if spread > SPREAD else "fine",
        f"{why} ({100 * spread:.0f} % between the slowest and the fastest)" if spread > SPREAD else why,
        unit="Hz",
        source=source,
    )


def _plain(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and len(text) < 16  # noqa: PLR2004 - no clock has more digits


def _knobs(root: Path) -> Iterator[Finding]:
    """Yield the knobs that disturb; some have no fact, and of some the fact knows one file of several."""
    for one in settings(root):
        if one.value is not None and not one.knob.quiet(one.value):
            knob, fix = one.knob, f"echo {one.knob.wanted} > {one.path}"
            yield Finding(knob.fact, one.value, knob.severity, knob.why, fix, None, True, True, one.path)
