"""How fast a large run becomes a table: 40 workloads x 10 targets x 20 boots x 2 blocks x 3 iterations."""

from statistics import median
from time import perf_counter

import numpy as np
import pytest

from vbench.model import BARE, CONTROL, Sample
from vbench.reports.table import tabulate
from vbench.stats import Context

WORKLOADS, BOOTS, BLOCKS, ITERATIONS = 40, 20, 2, 3
TARGETS = (BARE, CONTROL, *(f"target{number}" for number in range(8)))


def large_run() -> list[Sample]:
    """Return the samples, about 2 % apart."""
    shape = (WORKLOADS, BOOTS, len(TARGETS), BLOCKS, ITERATIONS)
    rates = 1000 * np.exp(np.random.default_rng(1).normal(0, 0.02, shape))
    return [
        Sample(f"cpu.job{w}", "rate", "1/s", "higher", TARGETS[t], f"{t}-{k}", k, b, i, float(rate))
        for (w, k, t, b, i), rate in np.ndenumerate(rates)
    ]


@pytest.mark.bench
@pytest.mark.parametrize("tails", [0, WORKLOADS])
def test_a_large_run_becomes_a_table(tails: int) -> None:
    samples = large_run()
    context = Context(tails=frozenset((f"cpu.job{w}", "rate") for w in range(tails)))
    seconds = []
    for _ in range(5):
        start = perf_counter()
        table = tabulate("large", samples, context)
        seconds.append(perf_counter() - start)
    assert len(table.cells) == WORKLOADS * len(TARGETS)
    assert all(cell.boots == BOOTS and cell.ratio is not None for cell in table.cells)
    print(f"\n{len(samples)} samples, {tails} tails: {median(seconds):.3f} s")  # noqa: T201 - a benchmark prints
