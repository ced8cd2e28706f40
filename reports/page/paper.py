"""A run as PDF for A4 or Letter, set by Typst, whose compiler comes as a package and needs no network."""

import json
import re
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import typst

from vbench.reports.clean import printable
from vbench.reports.figures import draw
from vbench.reports.page.content import Content, Known, Picture, Row

PAPERS = {"a4": "a4", "letter": "us-letter"}
_TEMPLATE = Path(__file__).parent / "paper.typ"
_WIDTH = re.compile(r'width="([\d.]+)"')
_FULL = 760.0  # px of a figure that takes the whole width of a page: its text is then as large as that of the tables


def pdf(content: Content, paper: str) -> bytes:
    """Return the PDF of a run; `paper` is a key of `PAPERS`."""
    inputs = {"paper": PAPERS[paper], "content": json.dumps(_plain(content))}
    return bytes(typst.compile(str(_TEMPLATE), sys_inputs=inputs))


def _plain(content: Content) -> dict[str, Any]:
    sections = groupby(content.rows, key=lambda row: (row.workload, row.metric))
    return {
        "run": printable(content.run),
        "created": content.created,
        "label": {printable(key): printable(str(value)) for key, value in content.label.items()},
        "sentences": content.sentences,
        "sections": [
            {"title": printable(" ".join(key)), "rows": [_words(row) for row in rows]} for key, rows in sections
        ],
        "pictures": [_picture(one) for one in content.pictures],
        "machine": [{"title": title, "facts": [_fact(fact) for fact in facts]} for title, facts in content.machine],
        "method": content.method,
        "cite": content.cite,
    }


def _words(row: Row) -> dict[str, Any]:
    words = [row.target, row.value, row.cost, row.interval, row.mde, row.verdict]
    return {"words": [printable(word) for word in words], "emulated": row.emulated}


def _picture(picture: Picture) -> dict[str, Any]:
    svg = draw.svg(picture.spec).decode()
    width = _WIDTH.search(svg)
    share = min(100.0, 100 * float(width[1]) / _FULL) if width else 100.0
    return {"title": picture.title, "says": picture.says, "svg": svg, "width": share}


def _fact(fact: Known) -> dict[str, str]:
    return {key: printable(text) for key, text in asdict(fact).items()}
