"""The table as GitHub's Markdown, with the footnotes of the terminal."""

from collections.abc import Iterable, Iterator

from vbench.reports.as_json import origin
from vbench.reports.clean import markdown
from vbench.reports.layout import COLUMNS, Section, layout
from vbench.reports.origin import comment
from vbench.reports.table import Table, session_notes

_RULE = {"target": "---", "verdict": "---", "see": "---"}


def as_markdown(table: Table) -> str:
    """Return the table as Markdown that ends with a newline."""
    found = layout(table)
    lines = [comment({**origin(table), "format": "md"}), f"## Run {markdown(table.run)}", ""]
    for family, sections in found.families():
        lines += [f"### {markdown(family)}", ""]
        for section in sections:
            lines += _section(section)
    for note in session_notes(table):
        lines += [markdown(note), ""]
    lines += [f"{number}. {markdown(text)}" for number, text in enumerate(found.footnotes, 1)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"**{markdown(section.title)}**"
    yield ""
    yield _line(COLUMNS)
    yield _line(_RULE.get(name, "---:") for name in COLUMNS)
    for row in section.rows:
        yield _line(map(markdown, row.words()))
    yield ""


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"
