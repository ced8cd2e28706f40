"""What was changed and what it was before: on disk, whole, before the first knob is touched."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from vbench import paths
from vbench.errors import HostError, InputError
from vbench.run.quiet.knobs import ours_to_turn


@dataclass(frozen=True)
class Change:
    """A knob that we turn: where it is, what it held before, what we put there, and in which boot of the host."""

    path: str
    before: str
    ours: str
    boot: str


@dataclass(frozen=True)
class _Document:
    changes: tuple[Change, ...]
    schema: Literal["vbench.tuning/1"] = "vbench.tuning/1"


_FORM = TypeAdapter(_Document)


class Journal:
    """The journal in `folder`, by default the user's; replaced as a whole: a crash leaves the old or the new."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.state()
        self.path = self.folder / "tuning.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other vbench from tuning meanwhile; the lock goes with the process. Raises HostError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "tuning.lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> tuple[Change, ...]:
        """Return the changes in their order, none where there is no journal.

        Raises InputError where it is damaged or names a file that is no knob, HostError where it cannot be read.
        """
        try:
            changes = _FORM.validate_json(self.path.read_bytes()).changes
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise HostError(f"'{self.path}' cannot be read: {error.strerror}.", "Be the user who tuned.") from None
        except ValidationError:
            raise self._damaged() from None
        if not all(ours_to_turn(change.path) for change in changes):
            raise self._damaged()
        return changes

    def write(self, changes: Iterable[Change]) -> None:
        """Replace the journal and wait until it is on the disk; without changes it is removed. Raises HostError."""
        document = _Document(tuple(changes))
        try:
            if document.changes:
                new = self.path.with_suffix(".new")
                with new.open("wb") as file:
                    file.write(_FORM.dump_json(document, indent=1))
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self.path)
            else:
                self.path.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise self._unwritable(error) from None

    def _sync_folder(self) -> None:
        """Wait until the journal's name, too, is on the disk."""
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _unwritable(self, error: OSError) -> HostError:
        return HostError(
            f"The journal '{self.path}' cannot be written: {error.strerror}.",
            "Make room, or set XDG_STATE_HOME; without a journal no knob is touched.",
        )

    def _damaged(self) -> InputError:
        remedy = "Set back by hand what it names, then remove it."
        return InputError(f"The journal '{self.path}' is damaged.", remedy)
