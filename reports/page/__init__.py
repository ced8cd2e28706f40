"""A run as one self-contained HTML page: no network, no file beside it but the raw outputs that it links."""

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from vbench.reports.as_json import document
from vbench.reports.figures import draw
from vbench.reports.page.content import Content
from vbench.reports.table import Table

_HERE = Path(__file__).parent


def page(content: Content, table: Table) -> str:
    """Return the page as HTML; whatever came from users or targets is escaped by the template."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        it=content,
        table=in_script(document(table)),
        figures=in_script({one.name: one.spec for one in content.pictures}),
        style=(_HERE / "page.css").read_text(),
        script=(_HERE / "page.js").read_text(),
        vega=_vega() if content.pictures else "",
    )


def in_script(value: object) -> str:
    """Return JSON that may stand inside a script: no text in it can end the element or open a comment."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _vega() -> str:
    return draw.javascript().replace("</script", "<\\/script")
