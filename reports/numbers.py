"""Numbers as their intervals allow: no digit is printed that the interval does not support."""

from math import floor, isclose, log10, sqrt

from vbench.model import Cell
from vbench.units import format_value

NONE = "-"
_MOST = 4  # decimals beyond which a ratio tells nobody anything
_UNSUPPORTED = 2  # significant digits where no interval says how many there are
_VALUE = 3  # significant digits of a value at most
_WHOLE = 9.0  # a relative half-width from which on one digit is all there is


def decimals(half_width: float) -> int:
    """Return the decimals that a number known to +- `half_width` (above 0) supports; below 0 for tens and hundreds.

    Source: Particle Data Group, "Review of Particle Physics", introduction 5.3: two digits of the error where its three
    leading digits are up to 354, else one.
    """
    exponent = floor(log10(half_width))
    two = round(half_width / 10.0 ** (exponent - 2)) <= 354  # noqa: PLR2004 - the rule's own number
    return (1 if two else 0) - exponent


def ratio(cell: Cell) -> str:
    """Return the cost relative to the baseline: 1 for itself, two digits where one boot is all there is."""
    if cell.ratio is None:
        return NONE
    if cell.verdict == "baseline":
        return "1"
    return _rounded(cell.ratio, _places(cell.low, cell.high))


def interval(cell: Cell) -> str:
    """Return the interval of the ratio with as many decimals as the ratio."""
    return between(cell.low, cell.high)


def between(low: float | None, high: float | None) -> str:
    """Return an interval with as many decimals as it supports."""
    if low is None or high is None:
        return NONE
    places = _places(low, high)
    return f"[{_rounded(low, places)}, {_rounded(high, places)}]"


def change(number: float | None, low: float | None, high: float | None) -> str:
    """Return a ratio above 0 to the decimals of its interval, or with two digits where it has none."""
    return NONE if number is None else _rounded(number, _places(low, high))


def rough(number: float | None) -> str:
    """Return a number above 0 with three digits, where its interval stands beside it or is not known.

    >>> rough(1.0), rough(0.99871), rough(123.4), rough(None)
    ('1.00', '0.999', '123', '-')
    """
    return NONE if number is None else f"{number:#.3g}".removesuffix(".")


def value(cell: Cell, control: Cell | None) -> str:
    """Return the value with its unit, to the digits of the ratio's interval; the baseline's to its `control`'s."""
    if cell.value is None:
        return NONE
    spread = _relative(cell) or (_relative(control) if control else None)
    digits = _UNSUPPORTED
    if spread:
        digits = min(_VALUE, max(1, 1 + floor(log10(cell.value)) + decimals(cell.value * min(spread, _WHOLE))))
    return format_value(cell.value, cell.unit, digits)


def percent(share: float | None) -> str:
    """Return a share in percent with two digits.

    >>> percent(0.0123), percent(0.5), percent(12.0), percent(None)
    ('1.2 %', '50 %', '> 999 %', '-')
    """
    if share is None:
        return NONE
    if share >= 9.995:  # noqa: PLR2004 - what would round to 1000 %
        return "> 999 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:#.2g} %"  # noqa: PLR2004 - 9.95 %


def cell_of(cells: tuple[Cell, ...], target: str | None) -> Cell | None:
    """Return the cell of a target, such as the A/A control, among the cells of one metric."""
    return next((cell for cell in cells if cell.target == target), None)


def _relative(cell: Cell) -> float | None:
    """Return half the width of the interval relative to the ratio, or None where there is none."""
    if not cell.low or not cell.high or isclose(cell.low, cell.high, rel_tol=1e-9):
        return None
    return sqrt(cell.high) / sqrt(cell.low) - 1


def _places(low: float | None, high: float | None) -> int | None:
    """Return the decimals that the interval of a ratio supports, or None where there is no interval."""
    if low is None or high is None:
        return None
    half = (high - low) / 2
    return min(_MOST, decimals(half)) if half else _MOST


def _rounded(number: float, places: int | None) -> str:
    """Return a number above 0 with so many decimals, but never as 0."""
    if places is None or round(number, places) == 0:
        digits = _UNSUPPORTED if places is None else 1
        places = digits - 1 - floor(log10(float(f"{number:.{digits - 1}e}")))
    exact = round(number, places)
    return f"{exact:.{max(places, 0)}f}" if 1e-4 <= exact < 1e5 else f"{exact:.0e}"  # noqa: PLR2004 - as wide as fits
