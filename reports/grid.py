"""Small tables of words for a terminal and for Markdown: what comparisons and histories are printed as."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vbench.reports.clean import markdown, printable


@dataclass(frozen=True)
class Grid:
    """A title, columns and rows of words; `left` names the columns of text, `styles` colours words of the last one."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str]
    styles: Mapping[str, str] = field(default_factory=dict)


def terminal(grids: Sequence[Grid], notes: Iterable[str]) -> RenderableType:
    """Return the grids and the notes below them for a rich console."""
    parts: list[RenderableType] = []
    for grid in grids:
        parts += [Text(printable(grid.title), "italic"), _table(grid), Text()]
    return Group(*parts, *(Text(printable(note)) for note in notes))


def _table(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in grid.columns:
        table.add_column(name, justify="left" if name in grid.left else "right", overflow="fold")
    for row in grid.rows:
        words = [Text(printable(word)) for word in row]
        words[-1].stylize(grid.styles.get(row[-1], ""))
        table.add_row(*words)
    return table


def as_markdown(heading: str, grids: Sequence[Grid], notes: Iterable[str]) -> str:
    """Return the grids and the notes as GitHub's Markdown that ends with a newline."""
    lines = [f"## {markdown(heading)}", ""]
    for grid in grids:
        lines += [f"**{markdown(grid.title)}**", "", *_markdown_table(grid), ""]
    for note in notes:
        lines += [markdown(note), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _markdown_table(grid: Grid) -> Iterator[str]:
    yield _line(grid.columns)
    yield _line("---" if name in grid.left else "---:" for name in grid.columns)
    for row in grid.rows:
        yield _line(map(markdown, row))


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"
