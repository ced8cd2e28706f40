"""Runs commands, one after the other, as the parent of whatever they orphan: nothing that they start can hide.

Every line of stdin is {"argv", "cwd", "env", "said"}; the answer on stdout is {"pid", "status", "left"}, where `left`
is what lives of all commands so far, each as [pid, start time, command line]. An empty object asks for that alone.
"""

import ctypes
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import psutil

from vbench.ledger import start_time

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): orphans come to us, who detached themselves too


def ended(command: dict[str, Any]) -> tuple[int, int]:
    """Run a command to its end; return its PID and how it ended, negative for a signal."""
    with open(command["said"], "wb") as said:  # noqa: PTH123 - a path from our own test
        process = subprocess.Popen(
            command["argv"], cwd=command["cwd"], env=command["env"], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == process.pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return pid, process.returncode


def living() -> list[tuple[int, int, str]]:
    """Reap the dead and return the living, whoever's children they became."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if (start := start_time(process.pid)) is not None:
                found.append((process.pid, start, " ".join(process.cmdline())))
    return found


def main() -> None:
    """Serve until the end of stdin."""
    ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)
    for line in sys.stdin:
        command = json.loads(line)
        pid, status = ended(command) if command else (0, 0)
        print(json.dumps({"pid": pid, "status": status, "left": living()}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
