"""`vbench history`."""

from typing import Annotated

import typer

from vbench.cli.common import indexed, put
from vbench.errors import InputError


def history(
    workload: Annotated[str, typer.Argument(help="The workload, such as disk.randread.")],
    target: Annotated[str | None, typer.Option(help="Only this target.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    machine: Annotated[str | None, typer.Option(help="A machine's fingerprint, that of the newest run's.")] = None,
    form: Annotated[str, typer.Option("--format", help="table, md or json.")] = "table",
) -> None:
    """Show a workload over all stored runs of one kind of machine: changes of level, and what to expect next."""
    from vbench import paths
    from vbench.errors import unknown
    from vbench.reports.grid import known as known_format
    from vbench.reports.grid import render
    from vbench.reports.history import History
    from vbench.reports.history import history as over
    from vbench.reports.history_render import page
    from vbench.store.index import Index

    known_format(form)
    folders = [path.parent.resolve() for path in paths.runs().glob("*/run.json")]
    if not folders:
        raise InputError("There is no run yet.", "Make one with `vbench run --target all`.")

    def ask(index: Index) -> History:
        if workload not in (known := index.workloads()):
            raise unknown("workload", workload, known)
        stored = set(map(str, folders))  # the index may know runs that were given by their path
        sessions = [session for session in index.sessions() if session.folder in stored]
        return over(workload, sessions, index.cells(workload=workload), kind=machine, target=target, metric=metric)

    put(render(page(indexed(folders, ask)), form))
