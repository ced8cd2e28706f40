"""The table as LaTeX for a paper: booktabs, one longtable a metric, and the notes of the terminal below them."""

from collections.abc import Iterator

from vbench.reports.as_json import origin
from vbench.reports.clean import latex
from vbench.reports.layout import COLUMNS, Section, layout
from vbench.reports.origin import remark
from vbench.reports.table import Table, session_notes

PACKAGES = ("booktabs", "longtable")
_LEFT = {"target", "verdict", "see"}


def as_latex(table: Table) -> str:
    r"""Return the table as LaTeX that ends with a newline, to be read by \input; it needs the packages `PACKAGES`."""
    found = layout(table)
    lines = [remark({**origin(table), "format": "latex"})]
    lines += [f"% Needs \\usepackage{{{','.join(PACKAGES)}}}; run {latex(table.run)}."]
    for section in found.sections:
        lines += _section(section)
    lines += [f"\\noindent {latex(note)}\\par" for note in session_notes(table)]
    if found.footnotes:
        numbered = (f"\\item {latex(text)}" for text in found.footnotes)
        lines += ["\\begin{enumerate}", *numbered, "\\end{enumerate}"]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    columns = "".join("l" if name in _LEFT else "r" for name in COLUMNS)
    yield f"\\begin{{longtable}}{{{columns}}}"
    yield f"\\multicolumn{{{len(COLUMNS)}}}{{l}}{{\\textbf{{{latex(section.title)}}}}}\\\\"
    yield f"\\toprule {_line(COLUMNS)} \\midrule \\endhead"
    for row in section.rows:
        yield _line(row.words())
    yield "\\bottomrule"
    yield "\\end{longtable}"


def _line(words: tuple[str, ...]) -> str:
    return f"{' & '.join(map(latex, words))} \\\\"
