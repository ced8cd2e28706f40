"""The precision that was asked for and what became of it, for the table of a run in two stages."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vbench.model import Cell
from vbench.reports.numbers import percent
from vbench.run.stages import Precision, Stage
from vbench.stats.verdicts import BASELINE

_SLACK = 1 + 1e-9  # of a half-width that is met exactly


@dataclass(frozen=True)
class Short:
    """A cell that is not as precise as was asked: its half-width as a share, and the boots in all that it needs.

    `half_width` is None without an interval; `needs` where the first stage could not tell.
    """

    workload: str
    metric: str
    target: str
    half_width: float | None
    needs: int | None


@dataclass(frozen=True)
class Reached:
    """What was asked for, the boots of the first stage and of all, and the cells that fall short of it."""

    half_width: float
    most: int
    first_stage: int
    boots: int
    short: tuple[Short, ...]

    def document(self) -> dict[str, Any]:
        """Return what the table's JSON says of it."""
        return asdict(self)

    def notes(self) -> Iterator[str]:
        """Yield what people are told below the table."""
        yield (
            f"Asked for +-{percent(self.half_width)}, with at most {self.most} boots: {self.first_stage} boots in the "
            f"first stage, {self.boots} in all. The intervals are Stein's: the spread of the first stage, which chose "
            "the number of boots, and its degrees of freedom."
        )
        if self.short:
            yield f"Less precise than asked for: {'; '.join(map(_short, self.short))}."


def reached(precision: Precision, first: int, stage: Stage | None, cells: Sequence[Cell]) -> Reached:
    """Return what became of a precision; of the cells, those with a ratio are judged."""
    needs = {(one.workload, one.metric, one.target): one.boots for one in stage.needs} if stage else {}
    judged = (cell for cell in cells if cell.ratio is not None and cell.verdict != BASELINE)
    short = tuple(
        Short(*place, half, needs.get(place))
        for cell in judged
        for place in [(cell.workload, cell.metric, cell.target)]
        for half in [_half(cell)]
        if half is None or math.log1p(half) > precision.log * _SLACK
    )
    return Reached(precision.half_width, precision.most, first, stage.boots if stage else first, short)


def _half(cell: Cell) -> float | None:
    return math.sqrt(cell.high) / math.sqrt(cell.low) - 1 if cell.low and cell.high else None


def _short(one: Short) -> str:
    width = "no interval" if one.half_width is None else f"+-{percent(one.half_width)}"
    needed = f", {one.needs} boots would do" if one.needs is not None else ""
    return f"{one.workload} {one.metric} on {one.target} ({width}{needed})"
