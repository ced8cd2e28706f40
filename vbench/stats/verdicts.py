"""What a row of the table says in one word, and what the A/A control says of the session.

docs/decisions/row-verdicts.md has the words and why they come in this order.
"""

from collections.abc import Iterable
from math import exp, log, log1p
from typing import Literal

from vbench.model import CONTROL, Cell

Verdict = Literal[
    "slower", "faster", "similar", "inconclusive", "one boot", "baseline", "absolute", "withheld", "failed", "missing"
]

SLOWER: Verdict = "slower"
FASTER: Verdict = "faster"
SIMILAR: Verdict = "similar"
INCONCLUSIVE: Verdict = "inconclusive"
ONE_BOOT: Verdict = "one boot"
BASELINE: Verdict = "baseline"
ABSOLUTE: Verdict = "absolute"
WITHHELD: Verdict = "withheld"
FAILED: Verdict = "failed"
MISSING: Verdict = "missing"


def judge(ratio: float, low: float, high: float, *, margin: float, floor: float) -> Verdict:
    """Return the verdict of a ratio with its interval.

    A claim needs an interval that excludes 1 and an effect, in log, above that of `floor` (an overhead: .02 is 2 %).
    """
    if abs(log(ratio)) > log1p(floor):
        if low > 1:
            return SLOWER
        if high < 1:
            return FASTER
    if 1 / (1 + margin) < low and high < 1 + margin:
        return SIMILAR
    return INCONCLUSIVE


def noise_floor(cells: Iterable[Cell], control: str | None = CONTROL) -> float | None:
    """Return the largest half-width of the control's intervals as an overhead: exp(log(high / low) / 2) - 1.

    None where the control has no interval. Source: MEASUREMENT.md, "Estimate".
    """
    widths = [
        (log(cell.high) - log(cell.low)) / 2 for cell in cells if cell.target == control and cell.low and cell.high
    ]
    return exp(max(widths)) - 1 if widths else None


def suspects(cells: Iterable[Cell], control: str | None = CONTROL) -> tuple[tuple[Cell, ...], int]:
    """Return the control's cells whose interval excludes 1, and how many of its cells have an interval.

    Any one flags the session; of n cells, n (1 - confidence) are expected by chance, so both numbers belong in print.
    """
    own = [cell for cell in cells if cell.target == control and cell.low is not None and cell.high is not None]
    return tuple(cell for cell in own if not (cell.low or 0) <= 1 <= (cell.high or 0)), len(own)
