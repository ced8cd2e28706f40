"""`vbench report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.show import Margin
from vbench.errors import InputError

if TYPE_CHECKING:
    from vbench.store.bundle import Bundle


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN ...]", help="Ids, unique prefixes, @latest (which is the default), or paths."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("report"),
    margin: Margin = "3%",
    history: Annotated[
        bool, typer.Option("--history", help="How costs went over these runs, a page a workload.")
    ] = False,
    archive: Annotated[
        Path | None, typer.Option(help="One file to deposit instead: raw data, report, environment, recipe (.tar.gz).")
    ] = None,
    licence: Annotated[str, typer.Option("--license", help="The URL of the archive's licence.")] = "",
) -> None:
    """Write a run as a page for a browser, with its tables, figures and raw outputs beside it; no network is needed."""
    from vbench.reports import write
    from vbench.store import bundle
    from vbench.units import parse_share

    found = [bundle.find(name) for name in runs or ["@latest"]]
    if archive:
        print(_archived(found, archive, licence))
        return
    if history:
        print(_over_time(found, output))
        return
    print(write.write_all(found, output, margin=parse_share(margin)))


def _archived(found: "list[Bundle]", file: Path, licence: str) -> Path:
    from vbench.reports.archive import archive

    if len(found) != 1:
        raise InputError("An archive holds one run.", "Name one run, or leave out --archive.")
    return archive(found[0], file, licence=licence)


def _over_time(found: "list[Bundle]", folder: Path) -> Path:
    from vbench.cli.publish import histories
    from vbench.reports.publish import publish

    return publish([], histories([one.folder.resolve() for one in found]), folder).index
