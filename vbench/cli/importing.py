"""`vbench import`: what benchmark tools wrote elsewhere, as a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.common import err, out
from vbench.cli.workloads import Folders
from vbench.errors import InputError

if TYPE_CHECKING:
    from vbench.store.taken import Origin

Files = Annotated[list[str], typer.Argument(help="Output files, as FILE or as TARGET=FILE.", metavar="FILE...")]


def import_(
    file: Files,
    workload: Annotated[str, typer.Option(help="The name to give to what was run, such as disk.randread.")],
    target: Annotated[str | None, typer.Option(help="Where it was run, such as bare or kvm.")] = None,
    part: Annotated[str | None, typer.Option(help="One job, stressor or algorithm of a file with several.")] = None,
    boots: Annotated[bool, typer.Option("--boots", help="Every file came of a boot of its own.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="Allow two tool versions or job definitions.")] = False,
    machine: Annotated[str | None, typer.Option(help="What it was measured on, in your words.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Something to remember, as KEY=VALUE.")] = None,
    workload_dir: Folders = None,
) -> None:
    """Make a run of what fio, iperf3, sysbench, stress-ng, 7z, openssl or pytest-benchmark wrote elsewhere."""
    from vbench import config
    from vbench.cli.run import labels
    from vbench.reports.finish import finish
    from vbench.reports.render import render
    from vbench.store.imports import Request, import_files

    origins = [_origin(one, target) for one in file]
    words = labels(label or [])
    request = Request(workload, origins, part, fresh=boots, mixed=mixed, machine=machine, label=words)
    bundle = import_files(request, config.workloads(workload_dir or ()))
    err().print(f"Run {bundle.ident}: {len(file)} imported.", markup=False)
    out().print(render(finish(bundle), "table"))


def _origin(word: str, target: str | None) -> "Origin":
    """Return the file and its target: FILE, or TARGET=FILE where there is no file of that whole name."""
    from vbench.store.taken import Origin

    own, equals, name = word.partition("=")
    if equals and not Path(word).exists():
        return Origin(own, Path(name))
    if target is None:
        raise InputError(f"Nothing says on which target '{word}' was measured.", f"Write TARGET={word}, or --target.")
    return Origin(target, Path(word))
