"""Writes docs/probes.md from the questions themselves: `python -m vbench.probes.document > docs/probes.md`."""

from collections.abc import Iterator

from vbench.probes.catalog import GROUPS
from vbench.probes.question import Question

HEAD = """\
# Every fact and where it is read

Written by `python -m vbench.probes.document`; do not edit. A fact is a key, a value, a unit, a source, a level and,
where a person can mend it, a fix. The value is yes, no, a number, a string, `unknown` (the snapshot does not tell) or
`not-permitted` (this user may not look); these two never mean no. The level says how far the evidence goes:
silicon < firmware-enabled < kernel-enabled < permitted (usable by this user) < proven (a guest really ran).
A key that ends in `*` stands for a family. Which snapshot paths there are: `vbench/agent/collect_files.py`.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for group in GROUPS:
        yield f"\n## {group.title}\n\n| key | what it says | unit | read from |\n|---|---|---|---|\n"
        for question in group.questions:
            yield from _rows(question)


def _rows(question: Question) -> Iterator[str]:
    sources = ", ".join(question.sources).replace("|", "\\|")
    unit = question.unit or ""
    if not question.members:
        yield f"| `{question.key}` | {question.summary} | {unit} | {sources} |\n"
    for name, said in question.members:
        yield f"| `{question.key.removesuffix('*')}{name}` | {said} | {unit} | {sources} |\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is what the module is run for
