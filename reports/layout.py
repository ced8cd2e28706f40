"""A table as words in rows, the same for the terminal and for Markdown: sections, columns and footnotes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from textwrap import shorten

from vbench.model import Cell, Difference
from vbench.reports import numbers
from vbench.reports.clean import printable
from vbench.reports.table import Table, label

COLUMNS = ("target", "value", "cost", "interval", "MDE", "verdict", "see")
_LONGEST = 48  # characters of a differing value; all of it is in the JSON


@dataclass(frozen=True)
class Row:
    """One cell in words. `see` holds the numbers of its footnotes."""

    target: str
    value: str
    cost: str
    interval: str
    mde: str
    verdict: str
    see: tuple[int, ...]

    def words(self) -> tuple[str, ...]:
        """Return the row in the order of `COLUMNS`."""
        see = " ".join(map(str, self.see))
        return self.target, self.value, self.cost, self.interval, self.mde, self.verdict, see


@dataclass(frozen=True)
class Section:
    """One metric of one workload; `family` is the word before the dot of the workload's name."""

    family: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Layout:
    """The sections in order and the footnotes, of which the first is number 1."""

    sections: tuple[Section, ...]
    footnotes: tuple[str, ...]

    def families(self) -> Iterator[tuple[str, list[Section]]]:
        """Yield the families with their sections."""
        for family, sections in groupby(self.sections, key=lambda section: section.family):
            yield family, list(sections)


def layout(table: Table) -> Layout:
    """Return the table in words; a remark that several cells share becomes one footnote."""
    numbered: dict[str, int] = {}
    differing = _differing(table)
    sections = []
    for (workload, metric, unit, better), group in groupby(
        table.cells, key=lambda cell: (cell.workload, cell.metric, cell.unit, cell.better)
    ):
        cells = tuple(group)
        direction = "less is better" if better == "lower" else "more is better"
        title = printable(f"{workload} {metric} ({unit}, {direction})")
        control = numbers.cell_of(cells, table.control)
        rows = tuple(_row(cell, control, numbered, differing.get(cell.target, "")) for cell in cells)
        sections.append(Section(printable(workload.partition(".")[0]), title, rows))
    return Layout(tuple(sections), tuple(numbered))


def _row(cell: Cell, control: Cell | None, numbered: dict[str, int], differing: str) -> Row:
    return Row(
        printable(label(cell)),
        printable(numbers.value(cell, control)),
        numbers.ratio(cell),
        numbers.interval(cell),
        numbers.percent(cell.mde),
        cell.verdict,
        tuple(sorted({numbered.setdefault(text, len(numbered) + 1) for text in _remarks(cell, differing)})),
    )


def _remarks(cell: Cell, differing: str) -> Iterator[str]:
    yield from map(printable, cell.warnings)
    if cell.differences:
        yield differing


def _differing(table: Table) -> dict[str, str]:
    """Return one remark for each target: every fact in which it differs from the baseline and that matters."""
    found: dict[str, dict[str, Difference]] = {}
    for cell in table.cells:
        found.setdefault(cell.target, {}).update({one.fact: one for one in cell.differences})
    return {
        target: printable(
            f"{target} differs from {table.baseline}: {'; '.join(_difference(one, table) for one in facts.values())}"
        )
        for target, facts in found.items()
    }


def _difference(difference: Difference, table: Table) -> str:
    here, there = (
        shorten(str(value), _LONGEST, placeholder=" ...") or "empty" for value in (difference.target, difference.bare)
    )
    return f"{difference.fact} is {here}, on {table.baseline} {there}"
