"""What must hold for any samples at all."""

import json
import math
import random
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.samples import session
from vbench.model import Cell, Sample
from vbench.reports.render import FORMATS, render
from vbench.reports.table import tabulate
from vbench.stats import Context, cells

TARGETS = ("bare", "bare2", "kvm")
UNTIMED = settings(deadline=None)  # other tests share the machine
COSTS = st.floats(1e-9, 1e9)
ANYTHING = st.one_of(st.none(), st.floats(), COSTS)
TAILS = Context(tails=frozenset({("cpu.primes", "duration")}))


def sessions(values: st.SearchStrategy[float | None]) -> st.SearchStrategy[list[Sample]]:
    block = st.lists(values, min_size=1, max_size=4)
    boots = st.lists(st.lists(block, min_size=1, max_size=3), min_size=1, max_size=8)
    return st.fixed_dictionaries(dict.fromkeys(TARGETS, boots)).map(session)


def swapped(sample: Sample) -> Sample:
    return replace(sample, target={"bare": "kvm", "kvm": "bare"}.get(sample.target, sample.target))


def kvm(rows: list[Cell]) -> Cell:
    return next(cell for cell in rows if cell.target == "kvm")


def numbers(cell: Cell) -> list[float]:
    return [value for field in fields(cell) if isinstance(value := getattr(cell, field.name), float)]


@UNTIMED
@given(sessions(ANYTHING), st.sampled_from([Context(), TAILS]))
def test_only_finite_numbers_come_out(samples: list[Sample], context: Context) -> None:
    for cell in cells(samples, context):
        assert all(map(math.isfinite, numbers(cell)))
        assert cell.value is None or cell.value > 0
        assert (cell.ratio is None) != cell.comparable
        assert (cell.low is None) == (cell.high is None) == (cell.mde is None)
        if cell.ratio and cell.low and cell.high and not context.tails:
            assert cell.low <= cell.ratio * (1 + 1e-12)
            assert cell.ratio <= cell.high * (1 + 1e-12)
        assert cell.value is not None or cell.warnings


@UNTIMED
@given(sessions(ANYTHING))
def test_every_format_takes_any_table(samples: list[Sample]) -> None:
    table = tabulate("any", samples)
    for form in FORMATS:
        render(table, form)
    assert len(json.loads(str(render(table, "json")))["rows"]) == len(table.cells)


@UNTIMED
@given(sessions(ANYTHING), st.randoms(use_true_random=False), st.sampled_from([Context(), TAILS]))
def test_the_order_of_the_samples_does_not_matter(
    samples: list[Sample], shuffler: random.Random, context: Context
) -> None:
    mixed = samples.copy()
    shuffler.shuffle(mixed)
    assert cells(mixed, context) == cells(samples, context)


@UNTIMED
@given(sessions(COSTS))
def test_swapping_bare_and_target_inverts_the_ratio(samples: list[Sample]) -> None:
    there, back = kvm(cells(samples)), kvm(cells([swapped(sample) for sample in samples]))
    assert there.ratio is not None
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.mde == pytest.approx(there.mde)
    if there.low is not None and there.high is not None:
        assert back.low == pytest.approx(1 / there.high)
        assert back.high == pytest.approx(1 / there.low)


@UNTIMED
@given(sessions(COSTS), st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter(samples: list[Sample], factor: float) -> None:
    before = kvm(cells(samples))
    after = kvm(cells([replace(sample, value=(sample.value or 0) * factor) for sample in samples]))
    assert before.value is not None
    assert after.value == pytest.approx(before.value * factor)
    assert after.ratio == pytest.approx(before.ratio)
    assert before.low is None or after.low == pytest.approx(before.low)


@UNTIMED
@given(sessions(COSTS))
def test_a_rate_costs_what_its_inverse_costs(samples: list[Sample]) -> None:
    rates = [replace(sample, value=1 / (sample.value or 1), better="higher") for sample in samples]
    times, inverse = kvm(cells(samples)), kvm(cells(rates))
    assert times.value is not None
    assert inverse.value == pytest.approx(1 / times.value)
    assert inverse.ratio == pytest.approx(times.ratio)
    assert times.low is None or inverse.low == pytest.approx(times.low)
