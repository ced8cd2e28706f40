"""Rounding by the interval: the Particle Data Group's own examples, and what must never be printed."""

import doctest
from dataclasses import replace
from types import ModuleType

import pytest

from vbench import units
from vbench.model import Cell
from vbench.reports import clean, numbers
from vbench.units import format_value

CELL = Cell(
    workload="cpu.primes",
    metric="rate",
    unit="1/s",
    better="higher",
    target="kvm",
    accelerator=None,
    boots=10,
    value=4711.23,
    ratio=1.0423,
    low=1.0313,
    high=1.0533,
    confidence=0.95,
    mde=0.0123,
    verdict="slower",
    comparable=True,
)
ONE_BOOT = replace(CELL, low=None, high=None, mde=None, verdict="one boot")


@pytest.mark.parametrize(
    ("half_width", "expected"), [(0.119, 2), (0.367, 1), (0.0110, 3), (0.96, 1), (1.0, 1), (450.0, -2)]
)
def test_decimals_are_the_data_groups(half_width: float, expected: int) -> None:
    """Section 5.3: .827 +- .119 is .83 +- .12, .827 +- .367 is .8 +- .4."""
    assert numbers.decimals(half_width) == expected


def test_a_ratio_with_its_interval() -> None:
    assert (numbers.ratio(CELL), numbers.interval(CELL)) == ("1.042", "[1.031, 1.053]")
    wide = replace(CELL, ratio=5.312, low=4.7, high=5.9)
    assert (numbers.ratio(wide), numbers.interval(wide)) == ("5.3", "[4.7, 5.9]")


def test_one_boot_supports_two_digits() -> None:
    assert (numbers.ratio(ONE_BOOT), numbers.interval(ONE_BOOT)) == ("1.0", "-")
    assert numbers.ratio(replace(ONE_BOOT, ratio=0.9981)) == "1.0"
    assert numbers.value(ONE_BOOT, None) == "4.7 k/s"


def test_missing_is_a_dash() -> None:
    gap = replace(ONE_BOOT, value=None, ratio=None)
    assert (numbers.value(gap, None), numbers.ratio(gap), numbers.percent(gap.mde)) == ("-", "-", "-")


def test_a_value_has_the_digits_of_its_interval_and_bare_those_of_its_control() -> None:
    assert numbers.value(CELL, None) == "4.71 k/s"
    assert numbers.value(replace(CELL, low=0.9, high=1.2), None) == "4.7 k/s"
    assert numbers.value(replace(CELL, low=0.1, high=9.9), None) == "5 k/s"
    assert numbers.value(ONE_BOOT, CELL) == "4.71 k/s"


@pytest.mark.parametrize(("low", "high"), [(1e-300, 1e300), (1.0, 1.0), (1e-9, 2.0), (0.02, 0.02001)])
def test_a_ratio_is_never_printed_as_zero_or_past_its_column(low: float, high: float) -> None:
    cell = replace(CELL, ratio=0.02, low=low, high=high)
    assert float(numbers.ratio(cell)) == pytest.approx(0.02)
    assert len(numbers.interval(cell)) <= 16
    assert float(numbers.interval(cell)[1:-1].split(", ")[0]) > 0


@pytest.mark.parametrize(
    ("value", "unit", "digits", "text"),
    [
        (999.6, "s", 3, "1.00 ks"),
        (470300.0, "1/s", 2, "470 k/s"),
        (0.0, "B", 3, "0.00 B"),
        (3.4e-12, "s", 2, "3.4e-12 s"),
        (5e15, "B", 3, "5.00e+15 B"),
        (None, "s", 3, "-"),
        (0.5, "1", 2, "0.5"),
    ],
)
def test_values_with_their_units(value: float | None, unit: str, digits: int, text: str) -> None:
    assert format_value(value, unit, digits) == text


@pytest.mark.parametrize("module", [clean, numbers, units])
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
