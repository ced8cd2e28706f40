"""`vbench publish`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.common import err, indexed
from vbench.errors import InputError

if TYPE_CHECKING:
    from vbench.reports.history import History
    from vbench.store.index import Index


def publish(
    site: Annotated[Path, typer.Argument(help="The folder to write, for any web server to serve as it is.")],
) -> None:
    """Write all stored runs as a static site: an index, every run's report, every workload's history, a feed."""
    from vbench import paths
    from vbench.reports.publish import publish as write
    from vbench.store.bundle import Bundle

    folders = sorted(path.parent.resolve() for path in paths.runs().glob("*/run.json"))
    if not folders:
        raise InputError("There is no run yet.", "Make one with `vbench run --target all`.")
    found = write([Bundle.open(folder) for folder in folders], histories(folders), site)
    for run, reason in found.failed:
        err().print(f"The run '{run}' is not shown: {reason}", markup=False)
    print(found.index)


def histories(folders: Sequence[Path]) -> "list[History]":
    """Return the history of every workload over the runs in these folders."""
    from vbench.reports.history import history

    stored = set(map(str, folders))

    def ask(index: "Index") -> "list[History]":
        sessions = [session for session in index.sessions() if session.folder in stored]
        of = {name: [one for one in index.cells(workload=name) if one[0] in stored] for name in index.workloads()}
        return [history(name, sessions, cells) for name, cells in of.items() if cells]

    return indexed(folders, ask)
