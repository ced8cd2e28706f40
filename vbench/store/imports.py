"""Output files that benchmark tools wrote elsewhere become a run bundle with named targets, marked as imported.

The bundle has the form of every other: raw/ keeps the files as they were, samples.jsonl what was read of them. run.json
says of which file, tool and version they came, and knows nothing of settings, kernels and order.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vbench import __version__
from vbench.errors import InputError
from vbench.model import Failure, Sample
from vbench.store import definitions
from vbench.store.bundle import Bundle, Recorder
from vbench.store.taken import Origin, Taken, mixtures, take
from vbench.workloads import Workload
from vbench.workloads.foreign import Report, read
from vbench.workloads.form import NAME

_TARGET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9_.:@-]{0,99}){0,7}")


@dataclass(frozen=True)
class Request:
    """What to import as what.

    `part` chooses one part of files with several. `fresh` says that every file came of a boot of its own; otherwise
    the files of a target are iterations in one boot, since nobody knows better. `mixed` allows files of two tool
    versions or job definitions under one workload; the samples say so then. `machine` says in the user's words what
    it was measured on: runs of two machines are told apart by it.
    """

    workload: str
    origins: Sequence[Origin]
    part: str | None = None
    fresh: bool = False
    mixed: bool = False
    machine: str | None = None
    label: Mapping[str, str] = field(default_factory=dict)


def import_files(request: Request, known: Iterable[Workload] = ()) -> Bundle:
    """Return a new bundle of the files; `known` are the workloads whose output may be read by their own form.

    Raises InputError: a bad name, a file that cannot be read or is of no known tool, files that disagree.
    """
    _check(request)
    own = next((workload for workload in known if workload.name == request.workload), None)
    taken = take(request.origins, request.workload, request.part, own)
    differing = mixtures(taken)
    if differing and not request.mixed:
        remedy = "Import them under workloads of their own, or allow it with --mixed; the samples say so then."
        raise InputError(next(iter(differing.values())), remedy)
    bundle = Bundle.create(_header(request, taken))
    used = own and any(part.definition.get("digest") == own.digest for one in taken for part in one.report.parts)
    definitions.keep(bundle.folder, [own] if own and used else [])
    with Recorder(bundle) as recorder:
        for number, (one, place) in enumerate(zip(taken, _places(request), strict=True)):
            _record(recorder, number, one, place, differing)
    return bundle


def derived(record: Mapping[str, Any], raw: str, own: Workload | None) -> Iterator[Sample]:
    """Yield the samples that the raw record of an imported file gives; `own` is the workload that the bundle keeps."""
    return _samples(record, raw, read(record["stdout"], own))


def _check(request: Request) -> None:
    if not NAME.fullmatch(request.workload):
        remedy = "Write family.name in small letters, digits, '_' and '-'."
        raise InputError(f"'{request.workload}' is no name of a workload.", remedy)
    for origin in request.origins:
        if not _TARGET.fullmatch(origin.target):
            remedy = "Use letters, digits, '_', '.', ':', '@' and '-', with '/' between the levels."
            raise InputError(f"'{origin.target}' is no name of a target.", remedy)


@dataclass(frozen=True)
class _Place:
    """Where a file stands in the run."""

    boot: int
    iteration: int


def _places(request: Request) -> Iterator[_Place]:
    counts: dict[str, int] = {}
    for origin in request.origins:
        number = counts.get(origin.target, 0)
        counts[origin.target] = number + 1
        yield _Place(number, 0) if request.fresh else _Place(0, number)


def _record(recorder: Recorder, number: int, taken: Taken, place: _Place, differing: Mapping[str, str]) -> None:
    """Write a file's raw text, its instance where it is a new one, and its samples."""
    target = taken.origin.target
    where = {"target": target, "instance": f"{target}-imported-{place.boot}", "boot": place.boot}
    record = {
        "imported": taken.origin.path.name,
        **where,
        "iteration": place.iteration,
        "parts": dict(taken.parts),
        "differing": {workload: said for workload, said in differing.items() if workload in taken.parts},
        "stdout": taken.text,
    }
    raw = recorder.raw(number, place.iteration, record)
    if place.iteration == 0:
        unknown: dict[str, Any] = {
            "accelerator": None,
            "restored": False,
            "seconds": None,
            "warnings": [],
            "command": [],
        }
        recorder.instance({**where, "labels": ["imported"], **unknown})
    recorder.samples(_samples(record, raw, taken.report))


def _samples(record: Mapping[str, Any], raw: str, report: Report) -> Iterator[Sample]:
    for workload, position in record["parts"].items():
        said = record["differing"].get(workload)
        for reading in report.parts[position].readings:
            metric, value = reading.metric, reading.value
            yield Sample(
                workload=workload,
                metric=metric.name,
                unit=metric.unit,
                better=metric.better,
                target=record["target"],
                instance=record["instance"],
                boot=record["boot"],
                block=0,
                iteration=record["iteration"],
                value=None if isinstance(value, Failure) else value,
                raw=raw,
                failure=value if isinstance(value, Failure) else None,
                warnings=(*report.warnings, *([said] if said else [])),
            )


def _header(request: Request, taken: Sequence[Taken]) -> dict[str, Any]:
    """Return run.json: null is what an import cannot know."""
    targets = list(dict.fromkeys(one.origin.target for one in taken))
    workloads = {name: _definition(name, taken) for name in dict.fromkeys(name for one in taken for name in one.parts)}
    profile = {"name": "imported", "boots": None, "blocks": 1, "warmups": 0, "iterations": None, "seconds": None}
    return {
        "created": time.time(),
        "imported": [
            {"file": one.origin.path.name, "target": one.origin.target, "tool": one.report.tool}
            | {"version": one.report.version, "sha256": sha256(one.text.encode()).hexdigest()}
            for one in taken
        ],
        "plan": {"profile": profile, "seed": None, "targets": targets, "workloads": list(workloads), "steps": []},
        "seed": None,
        "settings": {"cpus": None, "memory": None},
        "label": dict(request.label),
        "left_out": {},
        "own_targets": {},
        "workloads": workloads,
        "digests": {},
        "accelerator": None,
        "host": {"name": None, "kernel": None, "arch": None, "boot": None, "model": request.machine},
        "versions": {"vbench-suite": __version__},
    }


def _definition(workload: str, taken: Sequence[Taken]) -> dict[str, Any]:
    """Return what tells one definition of a workload from another: the tool with its version, and the job's digest."""
    files = [one for one in taken if workload in one.parts]
    told = sorted({repr(sorted(one.part(workload).definition.items())) for one in files})
    tails = {reading.metric.name for one in files for reading in one.part(workload).readings if reading.metric.tail}
    return {
        "version": " and ".join(sorted({one.version for one in files})),
        "digest": sha256("\n".join(told).encode()).hexdigest(),
        "tails": sorted(tails),
        "definition": dict(files[0].part(workload).definition),
    }
