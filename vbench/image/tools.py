"""Other people's programs, run so that none outlives vbench."""

import subprocess
from collections.abc import Mapping

from vbench.errors import HostError


def run(argv: list[str], *, package: str, env: Mapping[str, str] | None = None, text: str = "") -> str:
    """Return what a program prints; `text` is its input, `package` what brings it to Debian.

    Raises HostError if it is missing and OSError, with its last line, if it fails.
    """
    # A signal at vbench's death: a killed build leaves nothing that still writes.
    command = ["setpriv", "--pdeathsig", "KILL", *argv]
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == _NOT_FOUND:
        raise HostError(f"'{argv[0]}' is missing.", f"apt-get install {package}")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"'{argv[0]}' ended with {done.returncode}"]
        raise OSError(None, said[-1])
    return done.stdout


_NOT_FOUND = 127  # setpriv's and the shell's word for it
