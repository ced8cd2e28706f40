"""What a job cost the host: CPU seconds and joules per unit of work, derived from the job's raw record.

The CPU time is that of everything behind the target: on bare metal the job itself, of a container its engine too, of a
guest all threads of the VMM. docs/attribution.md has what is counted and what is not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vbench.model import Failure, Metric, Sample
from vbench.run import cost_energy
from vbench.run.around import Around, Contents
from vbench.run.plan import Step
from vbench.targets.account import USAGE
from vbench.workloads import Workload
from vbench.workloads.argv import used

CPU = Metric("cpu_per_work", "s", "lower")
ENERGY = Metric("energy_per_work", "J", "lower")
RATES = ("1/s", "B/s")
WHOLE = "the job"
TICKS = 100.0  # a second has in /proc: USER_HZ, fixed for user space on all machines that we know
ELSEWHERE, NOTICED = 0.05, 0.1  # share of the job's own CPU seconds that the host spent at least, if these are so many
_PROCESS = re.compile(r"/proc/\d+/stat")
_MICROSECONDS = re.compile(r"^usage_usec (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Record:
    """What a raw record holds beside the job's output; `wall` in seconds of the target's clock."""

    step: Step
    iteration: int
    wall: float
    rusage: Mapping[str, float] = field(default_factory=dict)
    before: Contents = field(default_factory=dict)
    after: Contents = field(default_factory=dict)
    around: Around = field(default_factory=Around)


def derived(workload: Workload, record: Record, samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield the costs of a job beside its own `samples`; energy only where this machine tells it."""
    known = [(CPU, cpu_of_job(workload, record))]
    joules = cost_energy.joules(record.around.before, record.around.after)
    if joules is not None:
        known.append((ENERGY, joules))
    amount = work(workload, record, samples)
    for metric, spent in known:
        cost = per_work(spent, amount)
        yield replace(
            samples[0],
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            value=None if isinstance(cost, Failure) else cost,
            failure=cost if isinstance(cost, Failure) else None,
            zero=False,
        )


def per_work(spent: float | Failure, amount: float | Failure) -> float | Failure:
    """Return what a unit of work cost, or why that is not known."""
    if isinstance(amount, Failure):
        return amount
    return spent if isinstance(spent, Failure) else spent / amount


def work(workload: Workload, record: Record, samples: Sequence[Sample]) -> float | Failure:
    """Return the units of work that a job did: its first rate times its wall time, or 1, the job itself.

    A job that ends after the seconds that it was told and gives no rate did an unknown amount of work.
    """
    failed = next((sample.failure for sample in samples if sample.failure), None)
    rate = next((sample.value for sample in samples if sample.unit in RATES), None)
    if failed:
        return failed
    if rate:
        return rate * record.wall
    if unit_of_work(workload) != WHOLE:
        return Failure("host", "the work is unknown: the job ends after its seconds and gives no rate")
    return 1.0


def unit_of_work(workload: Workload) -> str | None:
    """Return what a unit of work is, in words; None where a job does an unknown amount of it."""
    rate = next((metric for metric in workload.metrics if metric.unit in RATES), None)
    if rate is None:
        return None if "seconds" in used(workload.job.argv) else WHOLE
    return "a byte" if rate.unit == "B/s" else f"one of what '{rate.name}' counts"


def cpu_of_job(workload: Workload, record: Record) -> float | Failure:
    """Return the CPU seconds that the host spent on a job behind its target."""
    spent = cpu_seconds(record.around)
    if spent is None:
        return Failure("host", "the host's CPU time is unknown: its counters could not be read")
    if spent <= 0:
        return Failure("host", "the host's CPU time is unknown: the job was shorter than what its counters resolve")
    own = sum(record.rusage.get(name, 0.0) for name in ("utime", "stime"))
    if workload.job.where == "target" and own > NOTICED and spent < ELSEWHERE * own:
        return Failure("host", "the host's CPU time is unknown: most of the work was done by no process that we know")
    return spent


def cpu_seconds(host: Around) -> float | None:
    """Return the growth of the groups' counters, else of the processes' in ticks; None where they were not read."""
    if host.counted:
        grown = [_grown(host, path) for path in host.counted]
        return sum(part for part in grown if part is not None) if None not in grown else None
    first, last = (_ticks(contents) for contents in (host.before, host.after))
    return (last - first) / TICKS if first and last else None


def _grown(host: Around, path: str) -> float | None:
    first, last = (_usage(path, contents.get(path)) for contents in (host.before, host.after))
    return None if first is None or last is None else last - first


def _usage(path: str, text: str | None) -> float | None:
    """Return the seconds that a group's file counts."""
    if text is None:
        return None
    if path.endswith(USAGE):
        return int(text) / 1e9
    found = _MICROSECONDS.search(text)
    return int(found[1]) / 1e6 if found else None


def _ticks(contents: Contents) -> int:
    """Return the CPU time of all processes and of their children that were waited for (proc(5), stat 14 to 17)."""
    texts = (text for path, text in contents.items() if text and _PROCESS.fullmatch(path))
    return sum(sum(map(int, fields(text)[11:15])) for text in texts)


def fields(stat: str) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on; a name may hold blanks and brackets."""
    return stat.rpartition(")")[2].split()
