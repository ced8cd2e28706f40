"""`vbench export`: a run in the formats of other tools."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vbench.cli.show import Margin
from vbench.errors import HostError, InputError

Runs = Annotated[list[str], typer.Argument(help="An id, a unique prefix of one, @latest, @latest~1, or a path.")]


def export(
    run: Runs,
    to: Annotated[str, typer.Option(help="pytest-benchmark, bmf, github-action, openmetrics, junit, benchfmt, otava, "
                                         "parquet or csv.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write (standard output).")] = None,
    margin: Margin = "3%",
) -> None:  # fmt: skip
    """Write runs for another tool: dashboards, CI services, notebooks."""
    from vbench.reports import exports
    from vbench.store import bundle
    from vbench.units import parse_share

    share = parse_share(margin)
    written = exports.export([exports.source_of(bundle.find(name), margin=share) for name in run], to)
    if output is None:
        if sys.stdout.isatty() and b"\0" in written:
            raise InputError(f"'{to}' is nothing for a terminal.", "Name a file with -o.")
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(written)
    except OSError as error:
        raise HostError(f"'{output}' cannot be written: {error.strerror}.", "Choose another place.") from None
