"""What all figures share: rows from cells, an order and a look of targets, and two palettes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from vbench.model import Cell
from vbench.reports import numbers
from vbench.reports.clean import printable
from vbench.reports.table import Table, is_emulated, label

Spec = dict[str, Any]
EMULATED, REAL = "emulated", "on hardware"
# Okabe and Ito, "Color Universal Design" (2008): told apart by every kind of colour blindness; in print by shape.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A7A7A", "#B8A800")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
INK, PAPER, RULES = "#1a1a1a", "#ffffff", "#dedede"  # the page has others in the dark
TEXT = 12  # px, of every label
WIDTH = 560  # px, of a plot


@dataclass(frozen=True)
class Figure:
    """A chart: its file's name, its title, what it shows in a sentence, and how its rows become a specification.

    `draw` returns None where a run has nothing that the chart could show.
    """

    name: str
    title: str
    says: str
    draw: Callable[[Table], Spec | None]


def compared(table: Table) -> Iterator[Cell]:
    """Yield the cells of what is compared with the baseline, without its A/A control."""
    yield from (cell for cell in table.cells if cell.target not in {table.baseline, table.control})


def rows_of(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Return the cells that have a ratio as flat rows of numbers and words."""
    return [
        {
            "workload": printable(cell.workload),
            "metric": printable(cell.metric),
            "row": printable(f"{cell.workload} {cell.metric}"),
            "target": printable(label(cell)),
            "kind": EMULATED if is_emulated(cell) else REAL,
            "ratio": cell.ratio,
            "low": cell.low if cell.low is not None else cell.ratio,
            "high": cell.high if cell.high is not None else cell.ratio,
            "cost": numbers.ratio(cell),
            "interval": numbers.interval(cell),
            "verdict": cell.verdict,
        }
        for cell in cells
        if cell.ratio
    ]


def colors(names: Sequence[str]) -> alt.Scale:
    """Return the scale that gives every target its colour."""
    return _of(names, COLORS)


def shapes(names: Sequence[str]) -> alt.Scale:
    """Return the scale that gives every target its shape."""
    return _of(names, SHAPES)


def _of(names: Sequence[str], looks: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=[*names], range=[looks[number % len(looks)] for number in range(len(names))])


def in_order(rows: Iterable[dict[str, Any]], key: str) -> list[str]:
    """Return the values of a column, each once, in the order of the rows."""
    return list(dict.fromkeys(row[key] for row in rows))


def config() -> Spec:
    """Return what every figure looks like; the page swaps ink and paper in the dark."""
    axis = {"labelFontSize": TEXT, "titleFontSize": TEXT, "labelColor": INK, "titleColor": INK, "gridColor": RULES}
    legend = {"labelFontSize": TEXT, "titleFontSize": TEXT, "labelColor": INK, "titleColor": INK, "labelLimit": 260}
    return {
        "background": PAPER,
        "font": "sans-serif",
        "axis": {**axis, "labelLimit": 300},
        "legend": {**legend, "orient": "bottom", "columns": 3, "symbolSize": 90},
        "header": {"labelFontSize": TEXT, "titleFontSize": TEXT, "labelColor": INK, "titleColor": INK},
        "view": {"stroke": None},
    }
