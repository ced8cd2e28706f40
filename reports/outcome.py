"""What a comparison concludes, in exit codes and in words: the same for two runs and for two variants of one run."""

from collections.abc import Sequence

from vbench.reports.numbers import percent
from vbench.stats.gate import Contrast, Outcome, gate

CONFIDENCE = 0.95
EXIT = {"no worse": 0, "regressed": 1, "inconclusive": 3, None: 4}
STYLES = {"regressed": "red", "improved": "green", "inconclusive": "yellow"}
_MEANING = {
    "no worse": "No worse: every change is below the margin of {margin}.",
    "regressed": "Regressed: a cost grew by more than the margin of {margin}.",
    "inconclusive": "Inconclusive: nothing tells whether every change is below the margin of {margin}; "
    "more boots narrow the intervals.",
    None: "Measured nothing: the two have no cell in common.",
}


def outcomes(contrasts: Sequence[Contrast | None], margin: float) -> list[Outcome]:
    """Return the outcome of each cell, in order; without a contrast, for want of boots, it is inconclusive."""
    judged = iter(gate([contrast for contrast in contrasts if contrast], margin, CONFIDENCE))
    return [next(judged) if contrast else "inconclusive" for contrast in contrasts]


def meaning(outcome: Outcome | None, margin: float) -> str:
    """Return the conclusion in a sentence."""
    return _MEANING[outcome].format(margin=percent(margin))


def distrust(which: str, odd: Sequence[str], total: int, confidence: float = CONFIDENCE) -> str:
    """Return what must be said of a session in which bare and its control, the same thing twice, differ in `odd`."""
    chance = f"{total * (1 - confidence):.2g}"
    told = f"bare2 differs from bare in {len(odd)} of {total} metrics, where chance alone gives {chance}"
    return f"Do not trust {which}: {told}: {', '.join(odd)}."
