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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from vbench import paths
from vbench.errors import HostError

MARK = "vbench-"
CGROUPS = Path("/sys/fs/cgroup")
PAUSES = (b"catatonit\0-P\0", b"podman pause\0")  # as podman names them
GOING = 5.0  # seconds in which a container may still be about to end
Entry = dict[str, Any]


def new_name() -> str:
    """Return a name that nobody has yet, by which a thing of ours is known, with our PID in it."""
    return f"{MARK}{os.getpid()}-{os.urandom(4).hex()}"


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
    """The record of one run of vbench; use it as a context manager. Leaving it removes what is still recorded.

    Raises HostError where the ledger cannot be kept, or where something could not be removed: then the ledger stays,
    and the next start tries again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.state() / "ledgers"
        self._entries: dict[int, Entry] = {}
        self._next = 0

    def __enter__(self) -> Self:
        with made(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # so that nobody takes our new ledger for a dead one
            clean_dead(self.folder)
            with made(self.folder):
                handle, name = tempfile.mkstemp(prefix=MARK, suffix=".jsonl", dir=self.folder)
            self.path = Path(name)
            self._file = os.fdopen(handle, "wb", buffering=0)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            undo_all(list(self._entries.values()))
            self.path.unlink(missing_ok=True)

    def record(self, kind: str, **what: Any) -> int:
        """Write down something that is about to be made; return the token that removes it."""
        entry = {"token": self._next, "kind": kind, "boot": boot_id(), **what}
        with made(self.path):
            self._write(entry)
        self._entries[self._next] = entry
        self._next += 1
        return self._next - 1

    def remove(self, token: int) -> None:
        """Unmake a recorded thing and strike it out; it stays recorded where it could not be unmade."""
        undo(self._entries[token])
        del self._entries[token]
        with suppress(OSError):  # on a full disk: what is unmade once more does no harm
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
            with made(path):
                path.mkdir(mode=0o711)
            yield path

    def _write(self, line: Entry) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")


@contextmanager
def made(path: Path) -> Iterator[None]:
    """Turn the disk's refusal to make something into a HostError that names it."""
    try:
        yield
    except OSError as error:
        remedy = "Make room, or set VBENCH_SCRATCH or XDG_STATE_HOME to a folder that can be written."
        raise HostError(f"'{path}' cannot be made: {error.strerror}.", remedy) from None


def clean_dead(folder: Path) -> int:
    """Remove what ledgers of dead runs recorded; return how many ledgers there were."""
    count = 0
    for path in folder.glob(f"{MARK}*.jsonl"):
        with suppress(FileNotFoundError), path.open(errors="replace") as ledger:
            try:
                fcntl.flock(ledger, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            try:
                undo_all(remaining(ledger.read()))
            except HostError as error:
                remedy = f"Remove it by hand, or forget it with `rm {path}`."
                raise HostError(f"{error.message[:-1]}; a dead run left it.", remedy) from None
            path.unlink(missing_ok=True)
            count += 1
    return count


def remaining(text: str) -> list[Entry]:
    """Return the entries of a ledger's text that were not struck out; a torn line was never acted on."""
    entries: dict[int, Entry] = {}
    for line in text.splitlines():
        with suppress(ValueError, TypeError, KeyError):
            entry = json.loads(line)
            if "struck" in entry:
                entries.pop(entry["struck"], None)
            elif entry["kind"] in UNDO:
                entries[entry["token"]] = entry
    return list(entries.values())


def undo_all(entries: Sequence[Entry]) -> None:
    """Unmake recorded things, the newest first; one that cannot be unmade keeps none of the others."""
    failed = None
    for entry in reversed(entries):
        try:
            undo(entry)
        except HostError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def undo(entry: Entry) -> None:
    """Unmake one recorded thing; one that is already gone is fine, one that will not go is a HostError."""
    kind = entry["kind"]
    if kind != "folder" and entry["boot"] != boot_id():
        return
    if not UNDO[kind](entry):
        name = next(str(entry[key]) for key in ("pid", "path", "name") if key in entry)
        raise HostError(f"The {kind} '{name}' could not be removed.", "The next start of vbench tries again.")


def _end_process(entry: Entry) -> bool:
    pid, start = entry["pid"], entry["start"]
    if start is None or start_time(pid) != start:
        return True
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return _until(lambda: start_time(pid) != start, seconds=10)


def _remove_folder(entry: Entry) -> bool:
    path = Path(entry["path"])
    if path.name.startswith(MARK):
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()
    return True


def _remove_netns(entry: Entry) -> bool:
    path = Path("/run/netns", entry["name"])
    if path.name.startswith(MARK) and path.exists():
        subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
        return not path.exists()
    return True


def _remove_cgroup(entry: Entry) -> bool:
    path = Path(entry["path"])
    return _dissolve_all([path]) if path.name.startswith(MARK) else True


def _remove_cgroups(entry: Entry) -> bool:
    """Remove the groups of one name in every hierarchy, with what an engine made below them."""
    name = entry["name"]
    if not name.startswith(MARK) or "/" in name:
        return True
    return _dissolve_all([*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")])


def _dissolve_all(tops: Sequence[Path]) -> bool:
    """Remove groups with all that engines made below them; return whether all are gone."""
    # The innermost first, and without offence at one that its engine removes meanwhile.
    groups = [Path(folder) for top in tops for folder, _, _ in os.walk(top, topdown=False)]
    left = [group for group in groups if not _dissolve(group)]  # every one is tried
    return not left


def _dissolve(group: Path) -> bool:
    """End what is in a control group and remove it; return whether it is gone."""

    def gone() -> bool:
        with suppress(FileNotFoundError, ProcessLookupError):
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            group.rmdir()
        return not group.exists()

    return _until(gone, seconds=5)


def _remove_container(entry: Entry) -> bool:
    if not entry["name"].startswith(MARK):
        return True
    words = [*entry["engine"], "rm", "--force", "--ignore", "--time", "0", entry["name"]]
    return _until(lambda: _engine(words), seconds=GOING)  # fails while one whose client was killed goes by itself


def _remove_docker(entry: Entry) -> bool:
    """Remove a docker container; a daemon that does not answer does it at its next start, as --rm tells it."""
    if not entry["name"].startswith(MARK):
        return True

    def gone() -> bool:
        removed = _engine([*entry["engine"], "rm", "--force", entry["name"]])  # fails while it goes by itself
        return removed or not _engine([*entry["engine"], "version"])

    return _until(gone, seconds=10)


def _destroy_domain(entry: Entry) -> bool:
    """Destroy a guest of Xen; a name that `xl` does not know has none."""
    if not entry["name"].startswith(MARK):
        return True
    return _engine(["xl", "destroy", entry["name"]]) or not _engine(["xl", "domid", entry["name"]])


def _remove_bundle(entry: Entry) -> bool:
    """Remove the container that an OCI runtime keeps; --force takes one that is gone already."""
    if not entry["name"].startswith(MARK):
        return True
    return _engine([*entry["engine"], "delete", "--force", entry["name"]])


def _engine(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, check=False, capture_output=True, timeout=60).returncode == 0
    except FileNotFoundError:
        return True  # without the engine there is no container
    except subprocess.TimeoutExpired:
        return False


def _end_pause(entry: Entry) -> bool:
    """End the process by which rootless podman keeps its namespaces, if the file's number is that user's such one."""
    with suppress(OSError, ValueError):
        pid = int(Path(entry["path"]).read_text())
        process = Path(f"/proc/{pid}")
        if process.stat().st_uid == entry["uid"] and (process / "cmdline").read_bytes().startswith(PAUSES):
            os.kill(pid, signal.SIGKILL)
    return True


def _until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


UNDO: dict[str, Callable[[Entry], bool]] = {
    "process": _end_process,
    "folder": _remove_folder,
    "netns": _remove_netns,
    "cgroup": _remove_cgroup,
    "cgroups": _remove_cgroups,
    "container": _remove_container,
    "docker": _remove_docker,
    "bundle": _remove_bundle,
    "domain": _destroy_domain,
    "pause": _end_pause,
}
