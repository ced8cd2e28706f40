"""The index over all bundles: their heads and cells in SQLite, so that comparisons parse nothing a second time.

It holds nothing that the bundles do not, and can be thrown away: it is made anew where it is absent, damaged or of
another schema, and a bundle whose files have another size or time than it knew is read again.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from vbench.errors import InputError
from vbench.store.session import Derive, Measured, Session, read, stamp

SCHEMA = 2
MEMORY = Path(":memory:")
_WAIT = 60.0  # seconds for another process's transaction
# What a folder that cannot be written answers; anything else that SQLite says of the file is damage.
_REFUSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR}
_REFUSED |= {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_TABLES = """
CREATE TABLE session (folder TEXT PRIMARY KEY, stamp TEXT NOT NULL, created REAL NOT NULL, about BLOB NOT NULL);
CREATE TABLE cell (
    folder TEXT NOT NULL REFERENCES session ON DELETE CASCADE, workload TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX cell_folder ON cell (folder);
CREATE INDEX cell_workload ON cell (workload);
"""

Answer = TypeVar("Answer")


def consult(path: Path, derive: Derive, folders: Iterable[Path], ask: Callable[["Index"], Answer]) -> Answer:
    """Return what `ask` finds in the index once it knows these bundles.

    A damaged index is made anew. Where none can be written, one in memory serves, and everything is read each time.
    """
    wanted = [folder.resolve() for folder in folders]
    for place in (path, path):
        try:
            with Index(place, derive) as index:
                index.refresh(wanted)
                return ask(index)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _REFUSED:
                break
            _discard(path)
        except msgspec.DecodeError:
            _discard(path)
        except OSError:
            break
    with Index(MEMORY, derive) as index:
        index.refresh(wanted)
        return ask(index)


class Index:
    """An open index; several processes may have it open at once."""

    def __init__(self, path: Path, derive: Derive) -> None:
        self.path = path
        self.derive = derive
        self._lock = nullcontext() if path == MEMORY else _locked(path, fcntl.LOCK_SH)

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            self._database = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_database"):
            self._database.close()
        self._lock.__exit__(None, None, None)

    def refresh(self, folders: Iterable[Path]) -> None:
        """Read the bundles that are new or changed, forget those that are gone."""
        known = dict(self._database.execute("SELECT folder, stamp FROM session"))
        stale = [folder for folder in folders if known.get(str(folder)) != stamp(folder)]
        gone = [folder for folder in known if not os.path.exists(folder)]  # noqa: PTH110 - thousands of them
        for folder in gone:
            self._database.execute("DELETE FROM session WHERE folder = ?", (folder,))
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # digests are computed without the interpreter's lock
            for seen, (session, cells) in pool.map(self._read, stale):
                self._store(seen, session, cells)

    def session(self, folder: Path) -> Session:
        """Return a run that `refresh` has seen; InputError where it cannot be used."""
        query = "SELECT about FROM session WHERE folder = ?"
        (about,) = self._database.execute(query, (str(folder.resolve()),)).fetchone()
        session = msgspec.json.decode(about, type=Session)
        if session.trouble:
            raise InputError(session.trouble, f"See `vbench verify {session.ident}`.")
        return session

    def sessions(self) -> list[Session]:
        """Return all runs, oldest first."""
        rows = self._database.execute("SELECT about FROM session ORDER BY created, folder")
        return [msgspec.json.decode(about, type=Session) for (about,) in rows]

    def workloads(self) -> list[str]:
        """Return the names of all workloads that any run has."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT workload FROM cell ORDER BY workload")]

    def cells(self, *, folder: Path | None = None, workload: str | None = None) -> Iterator[tuple[str, Measured]]:
        """Yield (the run's folder, cell) of one run or of one workload, in the order of the runs' tables."""
        where, value = ("workload", workload) if folder is None else ("folder", str(folder.resolve()))
        query = f"SELECT folder, body FROM cell WHERE {where} = ? ORDER BY rowid"  # noqa: S608 - one of two words
        for home, body in self._database.execute(query, (value,)):
            yield home, msgspec.json.decode(body, type=Measured)

    def _read(self, folder: Path) -> tuple[str, tuple[Session, tuple[Measured, ...]]]:
        seen = stamp(folder)  # before reading, so that what is written meanwhile is a change
        return seen, read(folder, self.derive)

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("PRAGMA foreign_keys = ON")
        if self._database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA:
            return
        with self._transaction():
            if self._database.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:  # nobody else was faster
                for name in ("cell", "session"):
                    self._database.execute(f"DROP TABLE IF EXISTS {name}")
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {SCHEMA}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.rollback()
            raise
        self._database.commit()

    def _store(self, seen: str, session: Session, cells: Iterable[Measured]) -> None:
        folder = session.folder
        rows = [(folder, cell.workload, msgspec.json.encode(cell)) for cell in cells]
        with self._transaction():
            self._database.execute("DELETE FROM session WHERE folder = ?", (folder,))
            about = msgspec.json.encode(session)
            self._database.execute("INSERT INTO session VALUES (?, ?, ?, ?)", (folder, seen, session.created, about))
            self._database.executemany("INSERT INTO cell VALUES (?, ?, ?)", rows)


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    """Hold the lock beside the index: shared while it is open, alone while its files are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, kind)
        yield


def _discard(path: Path) -> None:
    with _locked(path, fcntl.LOCK_EX):
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            (path.parent / name).unlink(missing_ok=True)
