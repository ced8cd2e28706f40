"""A figure's specification as a picture, by vl-convert, which needs neither a browser nor a network."""

import json
from collections.abc import Callable
from functools import lru_cache

import vl_convert

from vbench.reports.figures.frame import Spec

SCALE = 2  # pixels of a PNG per CSS pixel, for print


def svg(spec: Spec) -> bytes:
    """Return the figure as SVG with its text as text."""
    return _svg(json.dumps(spec))


def png(spec: Spec) -> bytes:
    """Return the figure as PNG."""
    return bytes(vl_convert.svg_to_png(svg(spec).decode(), scale=SCALE))


def pdf(spec: Spec) -> bytes:
    """Return the figure as a PDF of its own size."""
    return bytes(vl_convert.svg_to_pdf(svg(spec).decode()))


def javascript() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script that sets `vegaEmbed`, for a page without a network."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


FORMATS: dict[str, Callable[[Spec], bytes]] = {"svg": svg, "png": png, "pdf": pdf}


@lru_cache(maxsize=16)
def _svg(spec: str) -> bytes:
    """Return the SVG of a specification, which every other picture is made from."""
    return str(vl_convert.vegalite_to_svg(spec)).encode()
