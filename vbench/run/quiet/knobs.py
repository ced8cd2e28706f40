"""The kernel's switches that `vbench doctor --tune` may turn: a row each, and how they are read and written.

Only what can be put back exactly while the machine runs is a row, and nothing that changes what a run measures: threads
of a core, idle states, mitigations and address space randomisation stay the user's choice (docs/decisions/doctor.md).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vbench.probes.memory import selected
from vbench.run.quiet.finding import Severity

CPU = "/sys/devices/system/cpu"
THP = "/sys/kernel/mm/transparent_hugepage"
LONGEST = 4096  # bytes read of a switch


@dataclass(frozen=True)
class Knob:
    """A switch of the kernel: the fact it is known by, where it is, the quiet value, others as quiet, why, how bad."""

    fact: str
    pattern: str
    wanted: str
    why: str
    also: frozenset[str] = frozenset()
    severity: Severity = "disturbs"

    @property
    def fix(self) -> str:
        """The change by hand."""
        return f"echo {self.wanted} > {self.pattern}"

    def quiet(self, value: str) -> bool:
        """Return whether a value needs no change."""
        return value == self.wanted or value in self.also


KNOBS = (
    Knob(
        "cpu.governor",
        f"{CPU}/cpufreq/policy*/scaling_governor",
        "performance",
        "the clock frequency follows the load, a moment late, and the job before decides how fast the next one starts",
    ),
    Knob(
        "cpu.turbo",
        f"{CPU}/intel_pstate/no_turbo",
        "1",
        "the clock rises with temperature and with how many cores are busy",
    ),
    Knob(
        "cpu.turbo",
        f"{CPU}/cpufreq/boost",
        "0",
        "the clock rises with temperature and with how many cores are busy",
    ),
    Knob(
        "memory.thp",
        f"{THP}/enabled",
        "madvise",
        "which job gets huge pages depends on how torn the memory is, so boots differ",
        frozenset({"never"}),
    ),
    Knob(
        "memory.thp",
        f"{THP}/hugepages-*kB/enabled",
        "madvise",
        "which job gets huge pages depends on how torn the memory is, so boots differ",
        frozenset({"never", "inherit"}),
    ),
    Knob(
        "memory.thp_defrag",
        f"{THP}/defrag",
        "madvise",
        "a page fault waits while the kernel moves memory to make a huge page",
        frozenset({"never", "defer", "defer+madvise"}),
    ),
    Knob(
        "memory.ksm",
        "/sys/kernel/mm/ksm/run",
        "0",
        "a kernel thread compares pages all the time, and a write to a merged page costs a copy",
        frozenset({"2"}),
    ),
    Knob(
        "memory.numa_balancing",
        "/proc/sys/kernel/numa_balancing",
        "0",
        "pages are unmapped to see who uses them, and moved under the job",
    ),
    Knob(
        "kernel.nmi_watchdog",
        "/proc/sys/kernel/nmi_watchdog",
        "0",
        "it takes one of the CPU's counters and interrupts every core",
    ),
    Knob(
        "memory.compaction",
        "/proc/sys/vm/compaction_proactiveness",
        "0",
        "the kernel moves pages in the background to have huge ones at hand",
        severity="note",  # only where memory is torn
    ),
)


# What a workload may hold at a value while it is measured, beside the rows above; none of them disturbs by itself.
HELD = ("/sys/kernel/mm/ksm/pages_to_scan",)


@dataclass(frozen=True)
class Setting:
    """A knob on this machine: its path, what it holds, or why that cannot be read."""

    knob: Knob
    path: str
    value: str | None
    error: str = ""


def settings(root: Path) -> Iterator[Setting]:
    """Yield what every knob holds that the machine in the tree at `root` has, in the order of KNOBS."""
    for knob in KNOBS:
        for found in sorted(root.glob(knob.pattern.lstrip("/"))):
            path = f"/{found.relative_to(root)}"
            try:
                yield Setting(knob, path, read(root, path))
            except OSError as error:
                yield Setting(knob, path, None, error.strerror or type(error).__name__)


def knob_of(path: str) -> Knob | None:
    """Return the knob that a path is one of, None where it is none."""
    return next((knob for knob in KNOBS if PurePosixPath(path).match(knob.pattern)), None)


def ours_to_turn(path: str) -> bool:
    """Return whether a path is a switch that we turn: nothing else is ever written to."""
    return knob_of(path) is not None or path in HELD


def read(root: Path, path: str) -> str:
    """Return what a switch holds, of a choice in brackets the chosen word. Raises OSError."""
    handle = os.open(root / path.lstrip("/"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        text = os.read(handle, LONGEST).decode("utf-8", "replace").strip()
    finally:
        os.close(handle)
    return selected(text) or ""


def write(root: Path, path: str, value: str) -> None:
    """Set a switch; the kernel's refusal is an OSError."""
    (root / path.lstrip("/")).write_text(value)
