"""A run as plain files: the plan, the instances, every job's raw output, every sample; appended to, never edited.

run.json            what was to be done: plan, seed, digests, versions, host, label
workloads/NAME/     the text of every workload and the files beside it, as they were
instances.jsonl     every boot or creation of a target, as it came
times.jsonl         where the wall time went, a line for each session of the run
samples.jsonl       every sample, flushed as it comes
raw/000123-0.json   what job 123's iteration 0 said, with its times and counters
snapshots/TARGET/   what the agent collected before and after
summary.json        derived, and can be derived again
digests.json        the seal: the SHA-256 of every other file, written at the end
"""

import fcntl
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from io import FileIO
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

from vbench import paths
from vbench.errors import HostError, InputError, StoreError
from vbench.model import Sample
from vbench.store import lines

SCHEMA = "vbench.run/1"
_LONGEST = 24  # characters of a target's name in a path: sockets lie below it, and theirs may have 107


def new_id() -> str:
    """Return a run id that sorts by time: UTC and a random tail."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def slug(target: str) -> str:
    """Return a target's name as a file name: the hops joined by +; a variant's is cut short and told by its digest."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", target.replace("/", "+"))
    if name == target.replace("/", "+") and len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"


class Bundle:
    """An open run bundle in `folder`; `header` is run.json."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder = folder
        self.header = header

    @property
    def ident(self) -> str:
        """The run's id."""
        return self.folder.name

    @classmethod
    def create(cls, header: Mapping[str, Any], folder: Path | None = None) -> "Bundle":
        """Make a new bundle; `header` gets its schema and id."""
        folder = folder or paths.runs() / new_id()
        try:
            for name in ("raw", "snapshots"):
                (folder / name).mkdir(parents=True)
            whole = {"schema": SCHEMA, "id": folder.name, **header}
            (folder / "run.json").write_text(json.dumps(whole, indent=1) + "\n")
        except OSError as error:
            remedy = "Make room, or set XDG_DATA_HOME to another disk."
            raise StoreError(f"The run's folder '{folder}' cannot be made: {error.strerror}.", remedy) from None
        return cls(folder, whole)

    @classmethod
    def open(cls, folder: Path) -> "Bundle":
        """Open an existing bundle."""
        try:
            header = json.loads((folder / "run.json").read_text())
        except (OSError, ValueError):
            raise InputError(f"'{folder}' is no run bundle: its run.json cannot be read.") from None
        found = header.get("schema") if isinstance(header, dict) else None
        if found != SCHEMA:
            raise InputError(
                f"The run '{folder.name}' has the schema '{found}', not '{SCHEMA}'.", "Use the vbench that made it."
            )
        return cls(folder, header)

    def samples(self) -> Iterator[Sample]:
        """Yield every sample; a line that is torn or edited is an error, but for the last, which a crash may tear."""
        return lines.read(self.folder / "samples.jsonl", Sample)

    def instances(self) -> list[dict[str, Any]]:
        """Return every instance that was recorded."""
        return list(lines.read(self.folder / "instances.jsonl", dict[str, Any]))

    def times(self) -> list[dict[str, float]]:
        """Return the seconds of every session of the run, by what they were spent on."""
        return list(lines.read(self.folder / "times.jsonl", dict[str, float]))

    def summary(self) -> dict[str, Any] | None:
        """Return summary.json, None before the run's end."""
        path = self.folder / "summary.json"
        return json.loads(path.read_text()) if path.exists() else None

    def snapshot_folder(self, target: str, when: str) -> Path:
        """Return the folder of a target's snapshot, taken before or after the run."""
        return self.folder / "snapshots" / slug(target) / when

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write what was derived from the rest."""
        with self.writing():
            (self.folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the disk's refusal to take something into a StoreError that says how to go on."""
        try:
            yield
        except (OSError, HostError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message.rstrip(".")
            remedy = f"Make room, then go on with `vbench run --resume {self.ident}`."
            raise StoreError(f"The run '{self.ident}' cannot be written: {reason}.", remedy) from None


class Recorder:
    """The one writer of a bundle, for as long as the context lives; a second one is refused."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def __enter__(self) -> Self:
        with ExitStack() as stack, self.bundle.writing():
            samples = stack.enter_context(self._open("samples.jsonl"))
            try:
                fcntl.flock(samples, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                remedy = "Wait for it, or start a new run."
                raise InputError(f"The run '{self.bundle.ident}' is still being executed.", remedy) from None
            instances = stack.enter_context(self._open("instances.jsonl"))
            times = stack.enter_context(self._open("times.jsonl"))
            for file in (samples, instances, times):
                _cut_torn_line(file)
            self._samples, self._instances, self._times, self._stack = samples, instances, times, stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def trim(self, metrics: Mapping[str, int]) -> None:
        """Cut off a last iteration that a crash kept from having a sample of each of its workload's `metrics`."""
        content = _content(self._samples)
        lines = content.splitlines(keepends=True)
        last = list(takewhile(lambda line: _iteration(line) == _iteration(lines[-1]), reversed(lines)))
        if last and len(last) < metrics[_iteration(last[0])[0]]:
            self._samples.truncate(len(content) - sum(map(len, last)))

    def samples(self, samples: Iterable[Sample]) -> None:
        """Append the samples of one iteration."""
        self._write(self._samples, [asdict(sample) for sample in samples])

    def instance(self, record: Mapping[str, Any]) -> None:
        """Append what is known of a new instance."""
        self._write(self._instances, [record])

    def times(self, seconds: Mapping[str, float]) -> None:
        """Append where the wall time of this session went: seconds by what was done."""
        self._write(self._times, [seconds])

    def raw(self, step: int, iteration: int, record: Mapping[str, Any]) -> str:
        """Write a job's raw output; return its path inside the bundle."""
        name = f"raw/{step:06d}-{iteration}.json"
        with self.bundle.writing():
            (self.bundle.folder / name).write_text(json.dumps(record, indent=1) + "\n")
        return name

    @contextmanager
    def snapshot(self, target: str, when: str) -> Iterator[Path | None]:
        """Give the folder to fill with a target's snapshot; None where a resumed run has the first one already."""
        whole = self.bundle.snapshot_folder(target, when)
        if whole.exists():
            yield None
            return
        partial = whole.with_name(f"{when}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        with self.bundle.writing():
            yield partial
            partial.rename(whole)

    def _open(self, name: str) -> FileIO:
        return FileIO(self.bundle.folder / name, "a+")

    def _write(self, file: FileIO, records: Iterable[Mapping[str, Any]]) -> None:
        data = memoryview("".join(json.dumps(record) + "\n" for record in records).encode())
        with self.bundle.writing():
            while data:
                data = data[file.write(data) :]


def _content(file: FileIO) -> bytes:
    file.seek(0)
    return file.readall()


def _cut_torn_line(file: FileIO) -> None:
    """Cut off a last line that a crash tore, so that the next one stands alone."""
    file.truncate(_content(file).rfind(b"\n") + 1)


def _iteration(line: bytes) -> tuple[Any, ...]:
    """Return what the samples of one iteration have in common."""
    sample = json.loads(line)
    return tuple(sample[key] for key in ("workload", "target", "boot", "block", "iteration"))


def find(name: str) -> Bundle:
    """Return the bundle of a RUN: an id, a unique prefix of one, @latest, @latest~N, or a path."""
    if "/" in name or Path(name, "run.json").exists():
        return Bundle.open(Path(name))
    known = sorted(path.name for path in paths.runs().glob("*") if (path / "run.json").exists())
    if not known:
        raise InputError(f"There is no run '{name}': none was made yet.", "Make one with `vbench run --target all`.")
    if name.startswith("@"):
        return Bundle.open(paths.runs() / known[_position(name, len(known))])
    matches = [ident for ident in known if ident.startswith(name)]
    if name in matches or len(matches) == 1:
        return Bundle.open(paths.runs() / (name if name in matches else matches[0]))
    if matches:
        raise InputError(f"'{name}' begins {len(matches)} runs.", f"Choose one: {', '.join(matches[-5:])}.")
    raise InputError(f"There is no run '{name}'.", f"The newest: {', '.join(known[-5:])}.")


def _position(name: str, count: int) -> int:
    latest, _, back = name.partition("~")
    if latest != "@latest" or (back and not back.isdecimal()):
        raise InputError(f"'{name}' names no run.", "Write @latest or @latest~1.")
    steps = int(back or 0)
    if steps >= count:
        raise InputError(f"'{name}' goes back too far: there are {count} runs.")
    return count - 1 - steps
