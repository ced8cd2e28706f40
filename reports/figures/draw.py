"""A figure's specification as a picture, by vl-convert, which needs neither a browser nor a network."""

import json
from collections.abc import Callable

import vl_convert

from vbench.reports.figures.frame import Spec

SCALE = 2  # pixels of a PNG per CSS pixel, for print


def svg(spec: Spec) -> bytes:
    """Return the figure as SVG with its text as text."""
    return str(vl_convert.vegalite_to_svg(json.dumps(spec))).encode()


def png(spec: Spec) -> bytes:
    """Return the figure as PNG."""
    return bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=SCALE))


def pdf(spec: Spec) -> bytes:
    """Return the figure as a PDF of its own size."""
    return bytes(vl_convert.vegalite_to_pdf(json.dumps(spec)))


def javascript() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script that sets `vegaEmbed`, for a page without a network."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


FORMATS: dict[str, Callable[[Spec], bytes]] = {"svg": svg, "png": png, "pdf": pdf}
