"""Side by side: what benchmarks share."""

from collections.abc import Callable
from statistics import median

Say = Callable[[str, str, str], None]  # what was measured, the figures, what it is to reach


def interleave(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of both, taken in turn so that a drift of the machine meets them alike."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def ratio_line(a: list[float], b: list[float]) -> str:
    """Return two medians in seconds and their ratio."""
    return f"{median(a):.3f} s against {median(b):.3f} s, ratio {median(a) / median(b):.3f}, {len(a)} pairs"
