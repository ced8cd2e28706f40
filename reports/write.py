"""A report as a folder: the page, the same as Markdown, CSV, JSON and LaTeX, the figures for print, the raw outputs."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vbench.errors import InputError
from vbench.reports.across import across
from vbench.reports.as_csv import as_csv
from vbench.reports.as_json import as_json
from vbench.reports.as_latex import as_latex
from vbench.reports.as_markdown import as_markdown
from vbench.reports.figures import draw
from vbench.reports.of_bundle import table_of
from vbench.reports.page import page, paper, render
from vbench.reports.page.content import Content, content
from vbench.reports.table import Table
from vbench.store.bundle import Bundle

PAGE = "index.html"
TEXTS: dict[str, Callable[[Table], str]] = {
    "table.md": as_markdown,
    "table.csv": as_csv,
    "table.json": as_json,
    "table.tex": as_latex,
}


def write_all(bundles: Sequence[Bundle], folder: Path, *, margin: float = 0.03) -> Path:
    """Write the report of a run, or of several each in a folder of its own, and return the page to open first."""
    if len(bundles) == 1:
        return write(bundles[0], folder, margin=margin)[0]
    for bundle in bundles:
        write(bundle, folder / bundle.ident, margin=margin)
    side_by_side = across([(bundle, table_of(bundle, margin=margin)) for bundle in bundles])
    (folder / PAGE).write_text(render("across", it=side_by_side))
    return folder / PAGE


def write(bundle: Bundle, folder: Path, *, margin: float = 0.03, raw: str = "") -> list[Path]:
    """Write the report of a run into a folder, which is made, and return its files, the page first.

    `raw` is where the raw outputs lie, seen from the page; empty copies them into the folder.
    """
    table = table_of(bundle, margin=margin)
    said = content(bundle, table, raw or "raw/")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            *_texts(said, table, folder),
            *_papers(said, folder),
            *_figures(said, folder),
            *([] if raw else _raw(bundle, folder)),
        ]
    except OSError as error:
        raise InputError(f"The report cannot be written to '{folder}': {error.strerror}.", "Name another.") from None


def _texts(said: Content, table: Table, folder: Path) -> Iterator[Path]:
    for name, text in {PAGE: page(said, table), **{name: form(table) for name, form in TEXTS.items()}}.items():
        (folder / name).write_text(text)
        yield folder / name


def _papers(said: Content, folder: Path) -> Iterator[Path]:
    for name in paper.PAPERS:
        path = folder / f"report-{name}.pdf"
        path.write_bytes(paper.pdf(said, name))
        yield path


def _figures(said: Content, folder: Path) -> Iterator[Path]:
    (folder / "figures").mkdir(exist_ok=True)
    for one in said.pictures:
        for form, convert in draw.FORMATS.items():
            path = folder / "figures" / f"{one.name}.{form}"
            path.write_bytes(convert(one.spec))
            yield path


def _raw(bundle: Bundle, folder: Path) -> Iterator[Path]:
    """Copy the raw outputs beside the page, so that its links lead somewhere wherever the folder goes."""
    (folder / "raw").mkdir(exist_ok=True)
    for path in sorted((bundle.folder / "raw").glob("*.json")):
        yield Path(shutil.copyfile(path, folder / "raw" / path.name))
