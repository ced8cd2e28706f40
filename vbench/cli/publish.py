"""`vbench publish`."""

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
    from vbench.reports.history import history
    from vbench.reports.publish import publish as write
    from vbench.store.bundle import Bundle

    folders = sorted(path.parent.resolve() for path in paths.runs().glob("*/run.json"))
    if not folders:
        raise InputError("There is no run yet.", "Make one with `vbench run --target all`.")

    def ask(index: "Index") -> "list[History]":
        stored = set(map(str, folders))
        sessions = [session for session in index.sessions() if session.folder in stored]
        return [history(name, sessions, index.cells(workload=name)) for name in index.workloads()]

    found = write([Bundle.open(folder) for folder in folders], indexed(folders, ask), site)
    for run, reason in found.failed:
        err().print(f"The run '{run}' is not shown: {reason}", markup=False)
    print(found.index)
