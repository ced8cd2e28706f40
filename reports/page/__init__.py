"""A run, several runs or a history as self-contained HTML pages: no network, nothing beside them but what they link."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vbench.reports.as_json import document
from vbench.reports.documents import EMBEDDED
from vbench.reports.figures import draw
from vbench.reports.page.content import Content, Picture
from vbench.reports.table import Table

_HERE = Path(__file__).parent


def page(content: Content, table: Table) -> str:
    """Return the page of a run as HTML, with the table in it that `vbench verify` reads."""
    return render("page", content.pictures, {EMBEDDED: document(table)}, it=content)


def feed(**words: Any) -> str:
    """Return the Atom feed."""
    return _environment().get_template("feed.xml.j2").render(**words)


def render(name: str, pictures: Sequence[Picture] = (), data: Mapping[str, object] | None = None, **words: Any) -> str:
    """Return a template with its words and figures; what came from users or targets is escaped by the template.

    `data` goes into scripts as JSON, by their ids.
    """
    embedded = {**(data or {}), "figure-specs": {one.name: one.spec for one in pictures}}
    return (
        _environment()
        .get_template(f"{name}.html.j2")
        .render(
            **words,
            pictures=pictures,
            data={key: in_script(value) for key, value in embedded.items()},
            style=(_HERE / "page.css").read_text(),
            script=(_HERE / "page.js").read_text(),
            vega=_vega() if pictures else "",
        )
    )


def in_script(value: object) -> str:
    """Return JSON that may stand inside a script: no text in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _vega() -> str:
    return draw.javascript().replace("</script", "<\\/script")
