"""A run as later runs are compared with it: its head, its machine, its cells, or why it cannot be used."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from vbench import __version__
from vbench.errors import InputError, VbenchError
from vbench.model import BARE, Value
from vbench.store import seal
from vbench.store.bundle import Bundle

SUMMARY = "vbench.summary/1"
SOURCES = ("run.json", "instances.jsonl", "samples.jsonl", "summary.json")
# What code that trusts a bundle's form raises where somebody edited it or took it away.
EDITED = (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)

_LARGEST = 300.0  # in log; costs lie between 1e-30 and 1e30 (vbench.stats.series)
_HEAD = ("created", "label", "settings", "digests", "workloads", "own_targets")

Derive = Callable[[Bundle], Mapping[str, Any]]


@dataclass(frozen=True)
class Measured:
    """A row of a run's summary. `log_ratios` holds a D[k] for each boot: logs of cost(target) / cost(baseline)."""

    workload: str
    metric: str
    unit: str
    better: str
    target: str
    accelerator: str | None
    boots: int
    value: float | None
    verdict: str
    comparable: bool
    warnings: tuple[str, ...]
    log_ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(abs(log) < _LARGEST for log in self.log_ratios):  # NaN fails this too
            raise ValueError("a log-ratio is beyond what costs can give")


@dataclass(frozen=True)
class Session:
    """A run as the index knows it: what run.json and the machine's facts say, or why it cannot be used (`trouble`).

    `settings`, `profile`, `digests`, `workloads`, `variants` and `baseline` are those of run.json.
    """

    folder: str
    created: float = 0.0
    machine: dict[str, Value] = field(default_factory=dict)
    label: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    workloads: dict[str, dict[str, Any]] = field(default_factory=dict)
    own_targets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variants: dict[str, dict[str, str]] = field(default_factory=dict)
    baseline: str | None = BARE
    trouble: str | None = None

    @property
    def ident(self) -> str:
        """The run's id."""
        return Path(self.folder).name


def read(folder: Path, derive: Derive) -> tuple[Session, tuple[Measured, ...]]:
    """Read a bundle; what is wrong with it comes instead of its cells, so that it is named and the others go on.

    A sealed bundle gives its summary.json once its digest agrees, and the digests of all that it was derived from and
    that was touched since; from any other the summary is derived.
    """
    try:
        bundle = Bundle.open(folder)
        summary = _sealed_summary(bundle) or derive(bundle)
        head = {name: bundle.header[name] for name in _HEAD}
        about = {"folder": str(folder), "profile": bundle.header["plan"]["profile"], "machine": summary["machine"]}
        about["variants"] = bundle.header.get("variants", {})  # an import has none
        about["baseline"] = bundle.header.get("baseline", BARE)
        found = _writable({"head": head | about, "rows": summary["rows"]})
        return msgspec.convert(found["head"], Session), tuple(msgspec.convert(row, Measured) for row in found["rows"])
    except VbenchError as error:
        trouble = error.message
    except EDITED as error:
        trouble = f"The run '{folder.name}' is no bundle of ours, or was edited: {type(error).__name__}, {error}."
    return Session(str(folder), trouble=trouble), ()


def _writable(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that UTF-8 can hold: undecodable bytes of a label or a target became lone surrogates."""
    try:
        msgspec.json.encode(document)
    except UnicodeEncodeError:
        document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    return document


def stamp(folder: Path) -> str:
    """Return the sizes and times of a bundle's files, which tell a change, and our version, which may derive anew."""
    found: list[object] = [__version__]
    for name in (*SOURCES, seal.NAME):
        try:
            status = os.stat(folder / name)  # noqa: PTH116 - thousands of them
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
        except OSError:
            found.append((0, 0, 0))
    return json.dumps(found)


def _sealed_summary(bundle: Bundle) -> Mapping[str, Any] | None:
    """Return the summary of a sealed bundle that is as it was sealed.

    None where there is no seal, where the run went on after it, or where the summary is another vbench's. Raises
    InputError where the seal is broken.
    """
    sealed = seal.read(bundle.folder)
    if sealed is None:
        return None
    found = list(seal.findings(bundle.folder, sealed, seal.touched(bundle.folder, SOURCES) | {seal.DERIVED}))
    broken = [finding for finding in found if finding.what != "longer"]
    if broken:
        raise InputError(f"The run '{bundle.ident}' was changed after it was sealed: {broken[0]}.")
    summary = None if found else bundle.summary()
    return summary if summary and summary["schema"] == SUMMARY else None
