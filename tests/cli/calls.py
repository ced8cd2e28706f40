"""The command line, called in this process."""

import signal
import sys
from typing import NamedTuple

import pytest

from vbench.cli import main


class Said(NamedTuple):
    """The exit code and what was printed."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> Said:
    """Return what `vbench argv...` says."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["vbench", *argv])
        with pytest.raises(SystemExit) as end:
            main()
    for number, handler in before.items():
        signal.signal(number, handler)
    printed = capsys.readouterr()
    return Said(int(end.value.code or 0), printed.out, printed.err)
