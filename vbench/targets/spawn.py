"""Start a process of ours on the host: in its own session, recorded, and dead when we die."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from vbench.errors import HostError
from vbench.ledger import Ledger, start_time
from vbench.targets.account import accounted
from vbench.targets.pipe import Pipe


@contextmanager
def spawn(argv: Sequence[str], name: str, ledger: Ledger, patience: float = 10) -> Iterator[Pipe]:
    """Give an open pipe to `argv`; util-linux's setpriv ties its life to ours, the ledger to the next start.

    Where we may, its CPU time is counted by a control group of its own. At the end the process has `patience` seconds
    to go by itself.
    """
    with accounted(ledger) as counted, started([*counted, *argv], name, ledger.hold, patience) as pipe:
        yield pipe


def tied(argv: Sequence[str]) -> list[str]:
    """Return an argv that dies with its parent."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *argv]


@contextmanager
def started(
    argv: Sequence[str], name: str, hold: Callable[..., AbstractContextManager[object]], patience: float
) -> Iterator[Pipe]:
    """Give an open pipe to `argv`, whose process `hold` records, as a ledger's does."""
    try:
        process = subprocess.Popen(
            tied(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise HostError("There is no 'setpriv' on this machine.", "Install util-linux.") from None
    with hold("process", pid=process.pid, start=start_time(process.pid)):
        pipe = Pipe(process, name)
        try:
            yield pipe
        finally:
            pipe.close(patience)


def run(argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60) -> bytes:
    """Run a short host command to its end and return its output; its failure is a HostError with its last line."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise HostError(
            f"There is no '{argv[0]}' on this machine.", f"Install the package that has '{argv[0]}'."
        ) from None
    except subprocess.TimeoutExpired:
        raise HostError(f"'{' '.join(argv[:4])}' took longer than {timeout:.0f} s.") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HostError(f"'{' '.join(argv[:6])}' failed: {lines[-1] if lines else f'exit {done.returncode}'}.")
    return done.stdout
