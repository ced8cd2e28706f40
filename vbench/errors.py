"""Errors by blame, each with one full sentence and the remedy; `vbench.cli` is the only place that prints them.

Exit codes (DESIGN.md): 0 fine, 1 regressed, 2 usage or input, 3 inconclusive, 4 measured nothing, 70 our own bug,
130 interrupted.
"""

from collections.abc import Iterable
from difflib import get_close_matches

USAGE = 2
INCONCLUSIVE = 3
NOTHING = 4
BUG = 70
INTERRUPTED = 130
LISTED = 24  # names that an error lists


class VbenchError(Exception):
    """What went wrong in one full sentence, and what the user can do about it.

    `console` holds the last lines that a guest or a tool said, where that explains the failure.
    """

    exit_code = USAGE
    blame = "usage"

    def __init__(self, message: str, remedy: str = "", *, console: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.console = console


class InputError(VbenchError):
    """The user's words or files are wrong."""


class HostError(VbenchError):
    """Our side failed: a missing tool, a full disk, no permission."""

    blame = "host"


class StoreError(HostError):
    """What a run found cannot be kept: the run ends, and what is on disk stays."""


class TargetError(VbenchError):
    """The target could not be started, died, stalled or spoke garbage."""

    blame = "target"


class JobError(VbenchError):
    """The target is well; the job in it failed, timed out or printed nothing usable."""

    blame = "job"


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is none of `known`, naming the nearest one.

    >>> unknown("target", "podmn", ["bare", "podman"]).remedy
    "Did you mean 'podman'?"
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    others = f", and {len(names) - LISTED} others" if len(names) > LISTED else ""
    remedy = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names[:LISTED])}{others}."
    return InputError(f"There is no {kind} '{name}'.", remedy)
