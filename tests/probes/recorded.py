"""`vbench probe --sysroot FOLDER --json` for many folders: the command itself, in processes that live on.

What a process of its own costs is its imports, which are most of it; tests/cli starts the command afresh.
"""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

from vbench.cli import main


def said(argv: list[str]) -> tuple[object, str, str]:
    """Return what the command line ends with and prints: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["vbench", *argv]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            return end.code, out.getvalue(), err.getvalue()
    return None, out.getvalue(), err.getvalue()
