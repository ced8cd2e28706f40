"""Side by side: what benchmarks share."""

from collections.abc import Callable
from random import Random
from statistics import median

SEED = 20
Say = Callable[[str, str, str], None]  # what was measured, the figures, what it is to reach


def interleave(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[list[float], list[float]]:
    """Return what both found in `rounds` pairs, each side first in half of them, which half being drawn by lot.

    A drift then meets both alike, and so does what comes and goes by turns: on a machine whose host takes freed memory
    back, every second boot of a guest touches fresh memory and takes .15 s more, and fio's requests have two levels.
    """
    orders = [(0, 1), (1, 0)] * (rounds // 2) + [(0, 1)] * (rounds % 2)
    Random(SEED).shuffle(orders)  # noqa: S311 - no secret
    sides: tuple[list[float], list[float]] = ([], [])
    for order in orders:
        for side in order:
            sides[side].append((first, second)[side]())
    return sides


def ratio_line(a: list[float], b: list[float]) -> str:
    """Return two medians in seconds and their ratio."""
    return f"{median(a):.3f} s against {median(b):.3f} s, ratio {median(a) / median(b):.3f}, {len(a)} pairs"
