"""What the user brings to `vbench run` on the command line: workloads of a folder, a command, a suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbench.errors import InputError

if TYPE_CHECKING:
    from vbench.ledger import Ledger
    from vbench.model import Missing
    from vbench.targets.catalogue import Catalogue
    from vbench.targets.place import Settings
    from vbench.workloads import Workload

QUICK = "quick"
TIMEOUT = 300

Command = Annotated[str | None, typer.Option(help="A command line of your own, run by sh in every target.")]
Parse = Annotated[
    list[str] | None, typer.Option(help="A metric of it: NAME[:UNIT[:lower|higher]]=PATTERN, or =$.PATH in JSON.")
]
Files = Annotated[list[Path] | None, typer.Option("--file", help="A file or folder for its working folder.")]
Pytest = Annotated[Path | None, typer.Option("--pytest", help="The folder of a suite of pytest-benchmark.")]
Site = Annotated[list[Path] | None, typer.Option(help="A folder with packages or pure wheels that it imports.")]
Timeout = Annotated[int, typer.Option(min=1, help="Seconds after which a job of yours has failed.")]


@dataclass(frozen=True)
class Own:
    """The user's words. What may be brought together, and what belongs to what, is checked when it is made."""

    command: str | None = None
    parse: Sequence[str] = ()
    files: Sequence[Path] = ()
    pytest: Path | None = None
    site: Sequence[Path] = ()
    timeout: int = TIMEOUT

    def __post_init__(self) -> None:
        for given, option, wanted, needed in (
            (self.parse, "--parse", self.command, "--command"),
            (self.files, "--file", self.command, "--command"),
            (self.site, "--site", self.pytest, "--pytest"),
        ):
            if given and wanted is None:
                raise InputError(f"'{option}' belongs to a '{needed}'.", f"Add {needed}, or leave it out.")


@dataclass(frozen=True)
class Brought:
    """Workloads that the user brought, and what was left out of them."""

    workloads: "Sequence[Workload]" = ()
    left_out: "Mapping[str, Sequence[Missing]]" = field(default_factory=dict)


def bring(own: Own, catalogue: "Catalogue", ledger: "Ledger", settings: "Settings") -> Brought:
    """Return the workloads of a command and of a suite; a suite is listed by pytest in an instance of bare."""
    workloads: list[Workload] = []
    left_out: Mapping[str, Sequence[Missing]] = {}
    if own.command is not None:
        from vbench.run.own import command

        workloads.append(command.workload(own.command, own.parse, own.files, own.timeout))
    if own.pytest is not None:
        from vbench.run.own.suite import suite

        found = suite(own.pytest, own.site, own.timeout, catalogue, ledger, settings)
        workloads += found.workloads
        left_out = found.left_out
    return Brought(workloads, left_out)


def together(shipped: "Sequence[Workload]", own: "Sequence[Workload]") -> "list[Workload]":
    """Return all workloads by name; InputError for a name that is there twice."""
    names = {workload.name for workload in shipped}
    if twice := next((workload.name for workload in own if workload.name in names), None):
        raise InputError(f"There are two workloads '{twice}'.", "Rename the one in your folder of workloads.")
    return sorted([*shipped, *own], key=lambda workload: workload.name)


@dataclass(frozen=True)
class Selection:
    """What `vbench.workloads.select` is asked for, and a remark on what that leaves out."""

    globs: Sequence[str]
    tags: Sequence[str]
    remark: str = ""


def selection(
    known: "Sequence[Workload]", brought: "Sequence[Workload]", globs: Sequence[str], tags: Sequence[str]
) -> Selection:
    """Return the user's globs and tags, else the names of what was brought, else the tag `quick`."""
    if globs or tags:
        return Selection(globs, tags)
    if brought:
        return Selection([workload.name for workload in brought], [])
    quick = sum(QUICK in workload.tags for workload in known)
    how = "--workload 'disk.*', --tag latency, or --workload '*' for all"
    remark = f"{quick} workloads are tagged {QUICK} and were chosen; {len(known) - quick} others are there: {how}."
    return Selection([], [QUICK], remark)


def within(workloads: "Sequence[Workload]", folders: Sequence[Path]) -> "list[Workload]":
    """Return the workloads of the user's folders."""
    homes = [folder.absolute() for folder in folders]
    return [one for one in workloads if any(Path(one.path).is_relative_to(home) for home in homes)]
