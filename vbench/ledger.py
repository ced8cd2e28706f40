"""What we made and must unmake: recorded before it is made, removed at the end, or by the next start after a SIGKILL.

A ledger is a file of JSON lines that its owner holds locked; one that can be locked belongs to a dead run. Only things
that carry our own mark are ever touched: a recorded process is ended only if its start time still matches, a name or a
folder only if it begins with "vbench-".
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from vbench import paths
from vbench.errors import HostError

MARK = "vbench-"
Entry = dict[str, Any]


def boot_id() -> str:
    """Return the kernel's identifier of this boot of the host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot, None where it is gone (proc(5), stat field 22)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Ledger:
    """The record of one run of vbench; use it as a context manager. Leaving it removes what is still recorded."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.state() / "ledgers"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._entries: dict[int, Entry] = {}
        self._next = 0

    def __enter__(self) -> Self:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # so that nobody takes our new ledger for a dead one
            clean_dead(self.folder)
            handle, name = tempfile.mkstemp(prefix=MARK, suffix=".jsonl", dir=self.folder)
            self.path = Path(name)
            self._file = os.fdopen(handle, "w")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        for token in reversed(list(self._entries)):
            self.remove(token)
        self.path.unlink(missing_ok=True)
        self._file.close()

    def record(self, kind: str, **what: Any) -> int:
        """Write down something that is about to be made; return the token that removes it."""
        entry = {"token": self._next, "kind": kind, "boot": boot_id(), **what}
        self._entries[self._next] = entry
        self._write(entry)
        self._next += 1
        return self._next - 1

    def remove(self, token: int) -> None:
        """Unmake a recorded thing and strike it out."""
        undo(self._entries.pop(token))
        self._write({"struck": token})

    def strike(self, token: int) -> None:
        """Strike out a thing that has ended by itself."""
        del self._entries[token]
        self._write({"struck": token})

    @contextmanager
    def hold(self, kind: str, **what: Any) -> Iterator[int]:
        """Record for as long as the context lives."""
        token = self.record(kind, **what)
        try:
            yield token
        finally:
            if token in self._entries:
                self.remove(token)

    @contextmanager
    def folder_for(self, purpose: str, parent: Path | None = None) -> Iterator[Path]:
        """Make a passing folder (on disk unless `parent` says where); it is gone with the context."""
        path = (parent or paths.scratch()) / f"{MARK}{purpose}-{os.getpid()}-{time.monotonic_ns():x}"
        with self.hold("folder", path=str(path)):
            path.mkdir(mode=0o711)
            yield path

    def _write(self, line: Entry) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def clean_dead(folder: Path) -> int:
    """Remove what ledgers of dead runs recorded; return how many ledgers there were."""
    count = 0
    for path in folder.glob(f"{MARK}*.jsonl"):
        with suppress(FileNotFoundError), path.open() as ledger:
            try:
                fcntl.flock(ledger, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for entry in reversed(list(remaining(ledger.read()))):
                undo(entry)
            path.unlink(missing_ok=True)
            count += 1
    return count


def remaining(text: str) -> Iterator[Entry]:
    """Yield the entries of a ledger's text that were not struck out; a torn line was never acted on."""
    entries: dict[int, Entry] = {}
    for line in text.splitlines():
        with suppress(ValueError):
            entry = json.loads(line)
            if "struck" in entry:
                entries.pop(entry["struck"], None)
            else:
                entries[entry["token"]] = entry
    yield from entries.values()


def undo(entry: Entry) -> None:
    """Unmake one recorded thing; one that is already gone is fine."""
    action = UNDO[entry["kind"]]
    if entry["kind"] == "folder" or entry["boot"] == boot_id():
        action(entry)


def _end_process(entry: Entry) -> None:
    pid = entry["pid"]
    if start_time(pid) != entry["start"]:
        return
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _until(lambda: start_time(pid) != entry["start"], seconds=10)


def _remove_folder(entry: Entry) -> None:
    path = Path(entry["path"])
    if path.name.startswith(MARK):
        shutil.rmtree(path, ignore_errors=True)


def _remove_netns(entry: Entry) -> None:
    if entry["name"].startswith(MARK) and Path("/run/netns", entry["name"]).exists():
        subprocess.run(["ip", "netns", "del", entry["name"]], check=False, capture_output=True)


def _remove_cgroup(entry: Entry) -> None:
    path = Path(entry["path"])
    if not path.name.startswith(MARK):
        return

    def gone() -> bool:
        with suppress(FileNotFoundError, ProcessLookupError):
            for pid in (path / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        with suppress(FileNotFoundError, OSError):
            path.rmdir()
        return not path.exists()

    _until(gone, seconds=5)


def _remove_container(entry: Entry) -> None:
    if entry["name"].startswith(MARK):
        argv = [*entry["engine"], "rm", "--force", "--ignore", "--time", "0", entry["name"]]
        with suppress(FileNotFoundError, subprocess.TimeoutExpired):
            subprocess.run(argv, check=False, capture_output=True, timeout=60)


def _until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise HostError("Something of a dead run could not be removed.", "Look for it in the ledgers' folder.")
        time.sleep(0.01)


UNDO: dict[str, Callable[[Entry], None]] = {
    "process": _end_process,
    "folder": _remove_folder,
    "netns": _remove_netns,
    "cgroup": _remove_cgroup,
    "container": _remove_container,
}
