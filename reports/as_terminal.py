"""The table for people: sparing colour, 80 columns, nothing that a pipe or NO_COLOR would have to mend."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from vbench.reports.clean import printable
from vbench.reports.layout import COLUMNS, Section, layout
from vbench.reports.table import Table, session_notes

_STYLES = {
    "slower": "red",
    "faster": "green",
    "failed": "yellow",
    "missing": "yellow",
    "withheld": "yellow",
    "baseline": "dim",
}
_LEFT = {"target", "verdict", "see"}
_TARGET = 18  # columns of the widest target that leave 80 for the whole


def terminal(table: Table) -> RenderableType:
    """Return the table as something that a rich console prints."""
    found = layout(table)
    widths = _widths(found.sections)
    parts: list[RenderableType] = []
    for family, sections in found.families():
        parts.append(Rule(Text(family, "bold"), align="left", style="dim"))
        for section in sections:
            parts += [Text(section.title, "italic"), _grid(section, widths), Text()]
    notes = [Text(printable(note)) for note in (f"Run {table.run}.", *session_notes(table))]
    return Group(*parts, *notes, _footnotes(found.footnotes))


def _widths(sections: Iterable[Section]) -> dict[str, int]:
    """Return the width of every column over all sections, so that they stand under one another."""
    columns = zip(COLUMNS, *(row.words() for section in sections for row in section.rows), strict=True)
    widths = {name: max(map(len, (name, *words))) for name, *words in columns}
    return widths | {"target": min(widths["target"], _TARGET), "see": min(widths["see"], len("1 2 3"))}


def _grid(section: Section, widths: dict[str, int]) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in COLUMNS:
        grid.add_column(name, width=widths[name], justify="left" if name in _LEFT else "right", overflow="fold")
    for row in section.rows:
        words = [Text(word) for word in row.words()]
        words[COLUMNS.index("verdict")].stylize(_STYLES.get(row.verdict, ""))
        grid.add_row(*words)
    return grid


def _footnotes(footnotes: Iterable[str]) -> Grid:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right")
    grid.add_column(overflow="fold")
    for number, footnote in enumerate(footnotes, 1):
        grid.add_row(str(number), Text(footnote))
    return grid
