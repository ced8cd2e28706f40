"""A small program of ours that runs beside a target and imposes something on it."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vbench.errors import HostError
from vbench.ledger import start_time
from vbench.targets.place import Place

HERE = Path(__file__).parent


@contextmanager
def helper(place: Place, script: str, words: Sequence[str], prefix: Sequence[str] = ()) -> Iterator[int]:
    """Give the PID of a script of this folder once it is ready; it is gone with the context, and when we die."""
    argv = ["setpriv", "--pdeathsig", "KILL", "--", *prefix, sys.executable, "-I", "-S", str(HERE / script), *words]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            with place.hold("process", pid=process.pid, start=start_time(process.pid)):
                if process.stdout is None or process.stdout.readline() != b"ready\n":
                    raise HostError(f"The helper '{script}' did not start.", "Its last words are above.")
                yield process.pid
        finally:
            process.kill()
