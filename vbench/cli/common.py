"""What several commands share: consoles that honour pipes, NO_COLOR and 80 columns, and printing JSON."""

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from rich.console import Console, RenderableType

    from vbench.reports.grid import Page
    from vbench.store.bundle import Bundle
    from vbench.store.index import Index

Answer = TypeVar("Answer")


def out() -> "Console":
    """Return the console for results, on stdout."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def err() -> "Console":
    """Return the console for progress, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, indent=1))


def put(shown: "str | RenderableType") -> None:
    """Print a text as it is, ending with one newline, and anything else on the console."""
    if isinstance(shown, str):
        print(shown, end="" if shown.endswith("\n") else "\n")
    else:
        out().print(shown)


def conclude(page: "Page", form: str, code: int) -> NoReturn:
    """Print what was concluded, append it to the summary of a job on GitHub, and end with its exit code."""
    import typer

    from vbench.reports.grid import as_markdown, render

    put(render(page, form))
    summarize(as_markdown(page))
    raise typer.Exit(code)


def indexed(folders: "Iterable[Path]", ask: "Callable[[Index], Answer]") -> "Answer":
    """Return what `ask` finds in the index over these bundles; a summary is derived where it is missing."""
    from vbench import paths
    from vbench.store.index import consult

    def derive(bundle: "Bundle") -> "Mapping[str, Any]":
        from vbench.reports.finish import summary_of

        return summary_of(bundle)

    return consult(paths.index(), derive, folders, ask)


def summarize(markdown: str) -> None:
    """Append to the summary of a GitHub Actions job, where this is one; a summary that fails is no verdict."""
    import os
    from pathlib import Path

    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("a") as summary:
                summary.write(f"{markdown}\n")
        except OSError as error:
            err().print(f"'{path}' ($GITHUB_STEP_SUMMARY) cannot be written: {error.strerror}.", markup=False)
