"""The table of what a run's jobs cost the host: CPU time and energy per unit of work, judged like any other metric."""

from collections.abc import Iterator
from itertools import chain

from vbench.model import Sample
from vbench.reports.of_bundle import context_of, notes_of
from vbench.reports.records import Finished, finished
from vbench.reports.table import Table, tabulate
from vbench.run.cost import CPU, ENERGY, derived, unit_of_work
from vbench.store.bundle import Bundle

SCHEMA = "vbench.costs/1"
METRICS = (CPU.name, ENERGY.name)


def costs_of(bundle: Bundle, *, margin: float = 0.03, baseline: str | None = None) -> Table:
    """Return the table of the host's cost, `baseline` as in `table_of`; errors as in `finished`."""
    every = list(finished(bundle))
    jobs = [job for job in every if job.record.around.after]
    samples = list(chain.from_iterable(map(_costs, jobs)))
    uncounted = _uncounted({job.workload.name for job in every} - {job.workload.name for job in jobs})
    notes = (*_meaning(jobs), *_energy(jobs, samples), *uncounted, *notes_of(bundle.header))
    return tabulate(
        bundle.ident, samples, context_of(bundle, baseline=baseline), margin=margin, notes=notes, schema=SCHEMA
    )


def _costs(job: Finished) -> Iterator[Sample]:
    return derived(job.workload, job.record, job.samples)


def _meaning(jobs: list[Finished]) -> Iterator[str]:
    units: dict[str, set[str]] = {}
    for job in jobs:
        if unit := unit_of_work(job.workload):
            units.setdefault(unit, set()).add(job.workload.name)
    if units:
        told = "; ".join(f"{unit}: {', '.join(sorted(names))}" for unit, names in sorted(units.items()))
        yield (
            "cpu_per_work: the CPU time of all processes of the host behind the target for a unit of work; 'slower' "
            f"is more of it. A unit is {told}."
        )


def _uncounted(names: set[str]) -> Iterator[str]:
    if names:
        yield f"The cost of {', '.join(sorted(names))} is unknown: the host counted nothing around their jobs."


def _energy(jobs: list[Finished], samples: list[Sample]) -> Iterator[str]:
    """Say why there is no energy, where there is none."""
    if not any(sample.metric == ENERGY.name for sample in samples):
        reasons = {why for job in jobs if (why := job.record.around.unknown.get("energy"))}
        yield from (f"energy_per_work is unknown: {why}." for why in sorted(reasons))
