"""`openssl speed`, 1.0.2 to 3.x, as tables and with -mr: one part for each algorithm and block size or operation.

Source: apps/speed.c. Tables of ciphers and digests are in 1000 bytes per second, those of keys have columns that end in
"/s".
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from vbench.workloads.foreign.report import MOST, Part, Report, reading, report, text_of

TOOL = "openssl"
_VERSION = re.compile(r"^(?:version: |OpenSSL |LibreSSL )(\d[\w.-]*)", re.MULTILINE)
_MARKS = re.compile(r"^(?:type {2,}.*\bbytes\b.*|.*\b\w+/s\b.*|\+F:.*)$", re.MULTILINE)
_SIZE = re.compile(r"(\d+) bytes")
_WORD = re.compile(r"[a-z]+(?:/s)?")
_RATE = re.compile(r"[\d.]+[ks]?")
_LINES = 10_000


def read(text: str, _: Sequence[Any]) -> Report | None:
    """Return what `openssl speed` says, None where it is something else. Its -mr form names no version."""
    version = _VERSION.search(text)
    machine = text.startswith(("+H:", "+F:", "+DT:", "+R:")) or "\n+F:" in text
    if not (version or machine) or not _MARKS.search(text):
        return None
    parts = list(islice(_parts(text.splitlines()[:_LINES]), MOST + 1))
    return report(TOOL, version[1] if version else None, parts) if parts else None


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    columns: list[str] = []
    for line in lines:
        words = line.split()
        if line.startswith("type ") and (sizes := _SIZE.findall(line)):
            columns = [f"{size} bytes" for size in sizes]
        elif line.startswith("+H:"):
            columns = [f"{size} bytes" for size in line.split(":")[1:]]
        elif line.startswith("+F:"):
            _, _, name, *values = line.split(":")[:200] if line.count(":") > 2 else ["", "", ""]  # noqa: PLR2004 - its form
            yield from _row(name, dict(zip(columns, values, strict=False)), "bandwidth", 1.0)
        elif words and any(word.endswith("/s") for word in words) and all(map(_WORD.fullmatch, words)):
            columns = words
        elif len(words) > len(columns) > 0 and all(map(_RATE.fullmatch, words[-len(columns) :])):
            cells = dict(zip(columns, words[-len(columns) :], strict=True))
            yield from _table_row(" ".join(words[: -len(columns)]), cells)


def _table_row(name: str, cells: dict[str, str]) -> Iterator[Part]:
    if any(column.endswith(" bytes") for column in cells):
        yield from _row(name, {size: value.removesuffix("k") for size, value in cells.items()}, "bandwidth", 1000.0)
    else:
        rates = {column[:-2]: value for column, value in cells.items() if column.endswith("/s")}
        yield from _row(name, rates, "rate", 1.0)


def _row(name: str, cells: dict[str, str], metric: str, scale: float) -> Iterator[Part]:
    for column, value in cells.items():
        yield Part(text_of(f"{name} {column}"), (reading(metric, value, scale),), {})
