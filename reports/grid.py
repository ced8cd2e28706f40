"""Small tables of words for a terminal and for Markdown: what comparisons and histories are printed as."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vbench.errors import unknown
from vbench.reports.clean import markdown, printable
from vbench.reports.origin import Origin, comment


@dataclass(frozen=True)
class Grid:
    """A title, columns and rows of words; `left` names the columns of text, `styles` colours words of the last one."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str]
    styles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What a command says: a heading, grids and notes for people, and all of it as a JSON document.

    `origin` is what it takes to derive the page again, None where later runs change it.
    """

    heading: str
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]
    document: Mapping[str, Any]
    origin: Origin | None = None


def render(page: Page, form: str) -> str | RenderableType:
    """Return the page in a format of `FORMATS`: text, or for `table` what a rich console prints."""
    return FORMATS[known(form)](page)


def known(form: str) -> str:
    """Return a format that there is; InputError for another."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return form


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


def as_markdown(page: Page) -> str:
    """Return the page as GitHub's Markdown that ends with a newline."""
    lines = [comment({**page.origin, "format": "md"})] if page.origin else []
    lines += [f"## {markdown(page.heading)}", ""]
    for grid in page.grids:
        lines += [f"**{markdown(grid.title)}**", "", *_markdown_table(grid), ""]
    for note in page.notes:
        lines += [markdown(note), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _markdown_table(grid: Grid) -> Iterator[str]:
    yield _line(grid.columns)
    yield _line("---" if name in grid.left else "---:" for name in grid.columns)
    for row in grid.rows:
        yield _line(map(markdown, row))


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def _json(page: Page) -> str:
    return json.dumps(page.document, indent=1, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Page], str | RenderableType]] = {
    "table": lambda page: terminal(page.grids, page.notes),
    "md": as_markdown,
    "json": _json,
}
