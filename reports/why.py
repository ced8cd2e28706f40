"""What explains the cost of one workload on one target: the counters around its jobs, bare against the target."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vbench.errors import InputError, unknown
from vbench.model import Failure
from vbench.reports.of_bundle import baseline_of
from vbench.reports.records import Finished, finished
from vbench.run.attribution import Count, Side, counts
from vbench.run.cost import unit_of_work, work
from vbench.store.bundle import Bundle

Name = tuple[Side, str, str]  # of a counter: where it was read, what it counts, its unit


@dataclass(frozen=True)
class Amount:
    """A counter's median over the measured jobs of a cell: of a whole job, and of a unit of work where that is known.

    Both are None where `unknown` says why; `jobs` is how many it is the median of.
    """

    job: float | None
    work: float | None
    jobs: int
    unknown: str = ""


@dataclass(frozen=True)
class Line:
    """One counter on bare and on the target."""

    side: Side
    name: str
    unit: str
    bare: Amount
    target: Amount

    @property
    def ratio(self) -> float | None:
        """The target over bare, for a unit of work, else for a job; None where either is unknown, or bare has none."""
        by_work = self.bare.work is not None and self.target.work is not None
        here, there = (side.work if by_work else side.job for side in (self.target, self.bare))
        return None if here is None or not there else here / there


@dataclass(frozen=True)
class Why:
    """All counters of a workload on a target; `unit` says what a unit of its work is, None where nobody knows."""

    run: str
    workload: str
    target: str
    baseline: str
    unit: str | None
    lines: tuple[Line, ...]


def explain(bundle: Bundle, workload: str, target: str, baseline: str | None = None) -> Why:
    """Return what explains a workload's cost on a target. Raises InputError for a name or a cell that has no job."""
    base = baseline_of(bundle.header, baseline)
    if base is None:
        raise InputError(
            f"The run '{bundle.ident}' has no baseline to explain a cost by.", "Name one: --baseline TARGET."
        )
    plan = bundle.header["plan"]
    for kind, name in (("workload", workload), ("target", target)):
        if name not in plan[f"{kind}s"]:
            raise unknown(kind, name, plan[f"{kind}s"])
    jobs = [job for job in finished(bundle, workload) if not job.samples[0].warmup]
    sides = [[job for job in jobs if job.record.step.target == name] for name in (base, target)]
    if not sides[1]:
        remedy = "See `vbench show` for the reasons."
        raise InputError(f"No job of '{workload}' on '{target}' came to its end in the run '{bundle.ident}'.", remedy)
    unit = unit_of_work(jobs[0].workload)
    return Why(bundle.ident, workload, target, base, unit, tuple(_lines(*sides)))


def _lines(bare: Sequence[Finished], target: Sequence[Finished]) -> Iterator[Line]:
    found = [_amounts(jobs) for jobs in (bare, target)]
    for name in dict.fromkeys((*found[1], *found[0])):
        sides = [amounts.get(name, _absent(name, amounts)) for amounts in found]
        yield Line(*name, *sides)


def _absent(name: Name, amounts: dict[Name, Amount]) -> Amount:
    """Return why a side lacks a counter that the other has: KVM's are there by name only where a guest is."""
    side, _, unit = name
    total = amounts.get((side, "KVM exits", unit))
    return Amount(None, None, 0, total.unknown if total and total.unknown else "nobody counted it")


def _amounts(jobs: Sequence[Finished]) -> dict[Name, Amount]:
    found: dict[Name, list[tuple[Count, float | Failure]]] = {}
    for job in jobs:
        amount = work(job.workload, job.record, job.samples)
        for count in counts(job.workload, job.record):
            found.setdefault((count.side, count.name, count.unit), []).append((count, amount))
    return {name: _median(pairs) for name, pairs in found.items()}


def _median(pairs: Sequence[tuple[Count, float | Failure]]) -> Amount:
    known = [(count.value, amount) for count, amount in pairs if count.value is not None]
    if not known:
        reason, _ = Counter(count.unknown for count, _ in pairs).most_common(1)[0]
        return Amount(None, None, 0, reason)
    shares = [value / amount for value, amount in known if not isinstance(amount, Failure)]
    return Amount(median(value for value, _ in known), median(shares) if shares else None, len(known))
