"""Files that hold what vbench printed: JSON, CSV, Markdown with its origin, and HTML pages with a table in a script."""

import csv
import io
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from vbench.errors import InputError
from vbench.reports import as_csv, as_json, costs
from vbench.reports.origin import Origin, commented

EMBEDDED = "vbench-table"  # the id of the script that holds an HTML page's table
LIMIT = 64 * 2**20  # bytes of a saved document
SAVE = (
    "Save one with `vbench show RUN --format json > FILE`; md and csv, `vbench compare` and `vbench ab` are taken too."
)


@dataclass(frozen=True)
class Document:
    """Something that was saved: its text, the format of it, and what it says it was derived from."""

    origin: Origin
    form: str
    text: str


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror}.", "Give it, or name another.") from None
    if len(content) > LIMIT:
        raise InputError(f"'{file}' has more than {LIMIT} bytes.", SAVE)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(f"'{file}' is no text that vbench saved.", SAVE) from None


def documents(file: Path, schemas: Container[str]) -> list[Document]:
    """Return what a file holds; several texts may stand in one, as in the summary of a job.

    Raises InputError where it is no document of these `schemas`, or does not say what it was derived from.
    """
    try:
        found = list(_read(_text(file)))
        known = all(one.origin["schema"] in schemas for one in found)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise InputError(f"'{file}' is damaged, or nothing that vbench saved.", SAVE) from None
    if not found or not known:
        raise InputError(f"'{file}' does not name the run that it shows.", SAVE)
    return found


def _read(text: str) -> Iterator[Document]:
    if text.lstrip().startswith("{"):
        yield Document(parse(text), "json", text)
    elif text.startswith(",".join(as_csv.COLUMNS)):
        first = next(csv.DictReader(io.StringIO(text)))
        schema = costs.SCHEMA if first["metric"] in costs.METRICS else as_json.SCHEMA
        yield Document({**first, "schema": schema, "margin": float(first["margin"])}, "csv", text)
    elif tables := _embedded(text):
        yield from (Document(parse(table), "json", table) for table in tables)
    else:
        yield from (Document(origin, origin["format"], block) for origin, block in commented(text))


def parse(text: str) -> Any:
    """Return what a JSON text says; ValueError for one that is none, or that has a key twice."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a key that is there twice shows one reader this and another that."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"'{key}' is there twice")
        found[key] = value
    return found


class _Scripts(HTMLParser):
    """Collects the text of the scripts that hold a table."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and dict(attrs).get("id") == EMBEDDED
        if self._inside:
            self.tables.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - a script holds no other tag
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.tables[-1] += data


def _embedded(text: str) -> list[str]:
    parser = _Scripts()
    parser.feed(text)
    return parser.tables
