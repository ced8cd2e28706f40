"""How a program of ours is started on another machine, and what it means when that fails."""

import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vbench.errors import TargetError
from vbench.ledger import MARK
from vbench.targets.pipe import Pipe
from vbench.targets.remote import there
from vbench.targets.spawn import started

# Reads its program from the pipe, byte by byte up to a newline, so that nothing of what follows is lost.
BOOT = ("python3", "-I", "-S", "-c", r'import os;exec(b"".join(iter(lambda:os.read(0,1)or b"\n",b"\n")))')
# For itself, because an older Python could not so much as read the rest.
RECENT = "import sys;sys.version_info>=(3,8)or sys.exit('vbench: has Python %d.%d, not 3.8'%sys.version_info[:2])"
BASE = "/var/tmp"  # noqa: S108 - of the other machine; a folder of ours is made in it, with a random name
SECONDS = 40.0  # until another machine must have answered: to connect, to start Python, to look around
PATIENCE = 30.0  # seconds in which the other machine may clear up once the pipe is closed
_OWN = re.compile(r"^vbench: (.*)$", re.MULTILINE)
_NO_PYTHON = re.compile(r"python3\b.*not found|not found.*python3\b|no such file.*python3", re.IGNORECASE)
Hold = Callable[..., AbstractContextManager[object]]


@dataclass(frozen=True)
class Meaning:
    """What some of a program's last words mean, as the rest of a sentence about the machine, and the remedy."""

    words: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Reach:
    """The way to a machine: the words before a command there, and whether a shell over there reads that command."""

    machine: str
    words: tuple[str, ...]
    quoted: bool
    meanings: Sequence[Meaning] = ()

    def argv(self) -> list[str]:
        """Return the command line that starts a program there; which one, the pipe says first (`program`)."""
        return [*self.words, *([shlex.join(BOOT)] if self.quoted else BOOT)]

    @contextmanager
    def opened(self, hold: Hold, call: str, **arguments: Any) -> Iterator[Pipe]:
        """Give a pipe to a function of `there` for a short errand; TargetError in the words of `explained`."""
        try:
            with started(self.argv(), self.machine, hold, PATIENCE) as pipe:
                pipe.feed(program(call, **arguments), SECONDS)
                yield pipe
        except TargetError as error:
            raise self.explained(error) from None

    def explained(self, error: TargetError) -> TargetError:
        """Return the error with the cause that the last words tell, as far as we know them."""
        said = error.console
        if own := _OWN.findall(said):
            return self._error(f"{own[-1][:300].rstrip('.')}", "", said)
        if _NO_PYTHON.search(said):
            return self._error("has no python3", "Install Python 3.8 or later there.", said)
        for one in self.meanings:
            if one.words in said:
                return self._error(one.what, one.remedy, said)
        return error

    def _error(self, what: str, remedy: str, console: str) -> TargetError:
        return TargetError(f"'{self.machine}' {what}.", remedy, console=console)


def program(call: str, **arguments: Any) -> bytes:
    """Return the line that `BOOT` executes: the whole of `there` and the call of one of its functions."""
    source = Path(there.__file__).read_text()
    given = ", ".join(f"{name}={value!a}" for name, value in arguments.items())
    return f"{RECENT};exec({source!a});{call}({given})\n".encode("ascii")


def new_folder() -> str:
    """Return the path of a folder of the other machine that nobody has yet."""
    return f"{BASE}/{MARK}there-{secrets.token_hex(6)}"
