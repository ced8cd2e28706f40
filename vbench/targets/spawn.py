"""Start a process of ours on the host: in its own session, recorded, and dead when we die."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from vbench.errors import HostError
from vbench.ledger import Ledger, start_time
from vbench.targets.pipe import Pipe


def spawn(argv: Sequence[str], name: str, ledger: Ledger, env: Mapping[str, str] | None = None) -> Pipe:
    """Return an open pipe to `argv`; util-linux's setpriv ties its life to ours, the ledger to the next start."""
    try:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError:
        raise HostError("There is no 'setpriv' on this machine.", "Install util-linux.") from None
    started = start_time(process.pid)
    if started is not None:
        ledger.record("process", pid=process.pid, start=started)
    return Pipe(process, name)


def run(argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60) -> bytes:
    """Run a short host command to its end and return its output; its failure is a HostError with its last line."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        raise HostError(f"There is no '{argv[0]}' on this machine.", f"Install the package that has '{argv[0]}'.") from None
    except subprocess.TimeoutExpired:
        raise HostError(f"'{' '.join(argv[:4])}' took longer than {timeout:.0f} s.") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HostError(f"'{' '.join(argv[:6])}' failed: {lines[-1] if lines else f'exit {done.returncode}'}.")
    return done.stdout
