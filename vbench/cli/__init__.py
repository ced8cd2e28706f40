"""The commands; this is the only place that prints errors, and nothing heavy is imported before a command needs it."""

import os
import signal
import sys
from types import FrameType

import typer

from vbench import __version__
from vbench.cli import (
    ab,
    compare,
    doctor,
    export,
    history,
    image,
    importing,
    probe,
    publish,
    report,
    run,
    selftest,
    show,
    targets,
    verify,
    workloads,
)
from vbench.errors import BUG, INTERRUPTED, VbenchError

app = typer.Typer(
    help="What virtualization costs: identical jobs on bare metal, in containers, in guests and in nested guests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(image.app, name="image", help="Build and keep the workload image that serves every target.")
for command in (
    run.run,
    show.show,
    report.report,
    publish.publish,
    export.export,
    targets.targets,
    workloads.workloads,
    probe.probe,
    doctor.doctor,
    ab.ab,
    compare.compare,
    history.history,
    verify.verify,
    selftest.selftest,
):
    app.command()(command)
app.command("import")(importing.import_)  # a word that no function may have as its name


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit."),
) -> None:
    pass


def main() -> None:
    """Run the command line and end with the exit code of DESIGN.md."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = app(standalone_mode=False)
    except VbenchError as error:
        code = _explain(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - whatever else comes is our own bug
        code = _usage(error) if hasattr(error, "format_message") else _bug(error)
    if code == INTERRUPTED:  # typer has made this of a KeyboardInterrupt
        print("Interrupted; nothing was left running.", file=sys.stderr)
    sys.exit(code or 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _explain(error: VbenchError) -> int:
    for line in error.console.splitlines():
        print(f"  | {line}", file=sys.stderr)
    print(f"vbench: {error.message} {error.remedy}".rstrip(), file=sys.stderr)
    return error.exit_code


def _usage(error: Exception) -> int:
    """Print what click says of the command line's words."""
    print(f"vbench: {error.format_message()} See `vbench --help`.", file=sys.stderr)  # type: ignore[attr-defined]
    return 2


def _bug(error: Exception) -> int:
    """Keep the traceback in a file and say where."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="vbench-bug-", suffix=".txt", delete=False) as report:
        traceback.print_exception(error, file=report)
    said = f"vbench: This is a bug of ours ({type(error).__name__}). Please send '{report.name}' to the developers."
    print(said, file=sys.stderr)
    return BUG
