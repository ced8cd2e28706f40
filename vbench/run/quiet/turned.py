"""Hold one knob at a value for the duration of a measurement."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vbench.errors import HostError
from vbench.run.quiet.journal import Change, Journal
from vbench.run.quiet.knobs import read, write
from vbench.run.quiet.tune import MACHINE, this_boot


@contextmanager
def turned(path: str, value: str, journal: Journal | None = None, root: Path = MACHINE) -> Iterator[None]:
    """Turn a knob for as long as the context lives, journal first: after a SIGKILL `vbench doctor --undo` puts it back.

    A knob that holds the value already is left alone. Raises HostError where it is not there, may not be turned, or
    was turned before by `vbench doctor --tune`.
    """
    journal = journal or Journal()
    try:
        change = Change(path, read(root, path), value, this_boot())
        if change.before != value:
            _turn(journal, change, root)
    except OSError as error:
        raise HostError(f"'{path}' cannot be turned: {error.strerror}.", "Be root, on a kernel that has it.") from None
    try:
        yield
    finally:
        if change.before != value:
            _turn_back(journal, change, root)


def _turn(journal: Journal, change: Change, root: Path) -> None:
    with journal.locked():
        kept = journal.read()
        if any(one.path == change.path for one in kept):
            raise HostError(f"'{change.path}' is turned by vbench already.", "Put it back: vbench doctor --undo")
        journal.write([*kept, change])
        try:
            write(root, change.path, change.ours)
        except OSError:
            journal.write(kept)
            raise


def _turn_back(journal: Journal, change: Change, root: Path) -> None:
    """Put the knob back, unless somebody else has set it or undone it meanwhile."""
    with journal.locked():
        kept = journal.read()
        if change in kept:
            if read(root, change.path) == change.ours:
                write(root, change.path, change.before)
            journal.write(one for one in kept if one != change)
