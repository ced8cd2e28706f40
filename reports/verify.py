"""A run under test: its seal, every number again from the raw outputs, and the summary again from the samples."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from vbench.errors import InputError
from vbench.model import Sample
from vbench.reports.clean import printable
from vbench.reports.finish import summary_of
from vbench.reports.second_stage import needs
from vbench.reports.unlike import unlike
from vbench.run import jobs, stages
from vbench.run.around import Around
from vbench.run.plan import Step, read_plan
from vbench.store import definitions, imports, seal
from vbench.store.bundle import Bundle
from vbench.store.session import EDITED
from vbench.targets.pipe import Outcome

SCHEMA = "vbench.verify/1"
Derive = Callable[[Mapping[str, Any], str], Iterator[Sample]]  # a raw record and its file's path in the bundle


@dataclass(frozen=True)
class Report:
    """What was looked at and what is wrong; `seal` is the SHA-256 of digests.json, which can be noted elsewhere."""

    run: str
    seal: str | None
    raw: int
    samples: int
    findings: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def conclusion(self) -> str:
        """The outcome in one sentence."""
        if self.findings:
            return f"The run '{self.run}' is not what it was, or was not finished: {len(self.findings)} findings."
        looked = f"{self.samples} samples follow from {self.raw} raw outputs, and the summary from them"
        return f"The run '{self.run}' is verified: {looked}; its seal is {self.seal}."


def check(bundle: Bundle) -> Report:
    """Return what is wrong with a bundle. Whatever stands in it, this raises nothing of its own."""
    findings: list[str] = []
    raw = sorted(path for path in (bundle.folder / "raw").glob("*.json") if path.is_file())
    count = 0
    for part in (_sealed, _stage, _samples, _summary):
        try:
            findings += part(bundle)
        except InputError as error:
            findings.append(error.message)
        except EDITED as error:
            findings.append(f"run.json or what it names was edited: {type(error).__name__}, {error}")
    if not findings:
        count = sum(1 for _ in bundle.samples())
    own = seal.own_digest(bundle.folder) if (bundle.folder / seal.NAME).is_file() else None
    return Report(bundle.ident, own, len(raw), count, tuple(dict.fromkeys(map(printable, findings))))


def as_document(report: Report) -> dict[str, Any]:
    """Return what `vbench verify --json` prints."""
    return {"schema": SCHEMA, **asdict(report), "verified": report.verified}


def _sealed(bundle: Bundle) -> Iterator[str]:
    sealed = seal.read(bundle.folder)
    if sealed is None:
        yield f"{seal.NAME}: it is missing; the run was not finished, and nothing tells whether a byte was changed"
    else:
        yield from map(str, seal.findings(bundle.folder, sealed))


def _stage(bundle: Bundle) -> Iterator[str]:
    """Decide on the second stage again, by the samples of the first."""
    precision, stage = stages.asked(bundle.header), stages.kept(bundle)
    if precision is None or stage is None:
        if (precision is None) != (stage is None):
            yield f"{stages.NAME}: it is missing, or run.json asks for no precision"
        return
    derived = stages.decide(read_plan(bundle.header), precision, needs(bundle, precision))
    if stage != derived:
        yield f"{stages.NAME}: it is not what the first stage's samples give: {derived.boots} boots in all"


def _samples(bundle: Bundle) -> Iterator[str]:
    """Derive the samples again from every raw output, and compare them with samples.jsonl."""
    there: dict[str, list[Sample]] = defaultdict(list)
    for sample in bundle.samples():
        there[sample.raw].append(sample)
    yield from (
        f"samples.jsonl: a value without a raw output: {_place(sample)}"
        for sample in there.pop("", [])
        if sample.value is not None
    )
    derive = _imported(bundle) if "imported" in bundle.header else _measured(bundle)
    for path in sorted((bundle.folder / "raw").glob("*.json")):
        name = f"raw/{path.name}"
        found = there.pop(name, [])
        try:
            derived = list(derive(json.loads(path.read_bytes()), name))
        except EDITED as error:
            yield f"{name}: it is damaged: {error}"
        else:
            yield from _different(name, found, derived)
    for name, samples in there.items():
        yield f"{name}: it is missing, and samples.jsonl has {len(samples)} samples of it"


def _measured(bundle: Bundle) -> Derive:
    """Return what gives the samples of a raw output of a session; InputError for another workload than run.json's."""
    plan, workloads = stages.plan_of(bundle), definitions.kept(bundle.folder)
    for name, about in bundle.header["workloads"].items():
        if name not in workloads or workloads[name].digest != about["digest"]:
            raise InputError(f"workloads/{name}: it is not the definition that run.json names")

    def derive(record: Mapping[str, Any], raw: str) -> Iterator[Sample]:
        step, outcome = msgspec.convert(record["step"], Step), msgspec.convert(record, Outcome)
        iteration = msgspec.convert(record["iteration"], int)
        planned = plan.steps[step.number : step.number + 1] == (step,)
        if not planned or raw != f"raw/{step.number:06d}-{iteration}.json":
            raise ValueError("it is not of the step that the plan has")
        warmup = iteration < plan.profile.warmups_in(step.block)
        origin = jobs.Origin(step, iteration, warmup=warmup, instance=str(record["instance"]), raw=raw)
        host = msgspec.convert(record.get("around", {}), Around)
        return jobs.derived(workloads[step.workload], origin, outcome, host)

    return derive


def _imported(bundle: Bundle) -> Derive:
    """Return what gives the samples of an imported file."""
    own = next(iter(definitions.kept(bundle.folder).values()), None)
    return lambda record, raw: imports.derived(record, raw, own)


def _different(raw: str, found: list[Sample], derived: list[Sample]) -> Iterator[str]:
    """Say how the samples of one raw output differ from what it gives."""
    by_metric = {(sample.workload, sample.metric): sample for sample in found}
    if len(found) != len(derived):
        yield f"samples.jsonl: {len(found)} samples of '{raw}', which gives {len(derived)}"
    for sample in derived:
        have = by_metric.get((sample.workload, sample.metric))
        if have is not None and have != sample:
            fields = [key for key, value in asdict(sample).items() if asdict(have)[key] != value]
            told = "; ".join(f"{key} is {getattr(have, key)!r}, not {getattr(sample, key)!r}" for key in fields)
            yield f"samples.jsonl: {_place(sample)} is not what '{sample.raw}' gives: {told}"


def _place(sample: Sample) -> str:
    where = f"boot {sample.boot}, block {sample.block}, iteration {sample.iteration}"
    return f"{sample.workload} {sample.metric} on {sample.target}, {where}"


def _summary(bundle: Bundle) -> Iterator[str]:
    """Derive the summary again from the samples; numbers may differ in their tenth digit."""
    try:
        stored = bundle.summary()
    except ValueError:
        stored = None
    if stored is None:
        yield "summary.json: it is missing or damaged"
        return
    yield from unlike(stored, json.loads(json.dumps(summary_of(bundle))), "summary.json")
