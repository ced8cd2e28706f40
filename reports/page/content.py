"""What a page says, taken from a run's bundle: words and numbers, nothing of their look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vbench.model import BARE, Cell, Fact
from vbench.reports import numbers
from vbench.reports.figures import FIGURES
from vbench.reports.figures.frame import Spec
from vbench.reports.finding import finding
from vbench.reports.of_bundle import facts_of
from vbench.reports.probed import SHORT, in_words
from vbench.reports.table import Table, is_emulated, label, session_notes
from vbench.run.quiet.finding import ordered
from vbench.run.quiet.rules import judged
from vbench.store.bundle import Bundle

CITE = (
    "vbench, run {run} of {created}, image {image}, agent {agent}; re-derived from its raw outputs by `vbench verify`."
)

_DISTURBS = ("severe", "disturbs", "note")


@dataclass(frozen=True)
class Row:
    """A cell as the page shows it: words, and beside them the numbers that its columns are sorted by."""

    family: str
    workload: str
    metric: str
    target: str
    value: str
    cost: str
    interval: str
    mde: str
    verdict: str
    emulated: bool
    keys: Mapping[str, float]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A figure that this run has: its file's name, title, sentence and specification."""

    name: str
    title: str
    says: str
    spec: Spec


@dataclass(frozen=True)
class Known:
    """A fact of the machine in words, or what disturbs measurements on it: what it is, and what is to be done."""

    what: str
    value: str
    note: str
    fix: str


@dataclass(frozen=True)
class Content:
    """The whole of a page."""

    run: str
    created: str
    label: Mapping[str, str]
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...]
    machine: tuple[tuple[str, tuple[Known, ...]], ...]
    method: tuple[str, ...]
    raw: tuple[str, ...]
    cite: str


def content(bundle: Bundle, table: Table, raw: str = "raw/") -> Content:
    """Return what the page of a run says; `raw` is the folder of its raw outputs, seen from the page."""
    head = bundle.header
    return Content(
        run=table.run,
        created=when(head),
        label=dict(head.get("label") or {}),
        sentences=finding(table),
        rows=tuple(rows(table)),
        pictures=tuple(pictures(table)),
        machine=tuple(machine(facts_of(bundle, table.baseline or BARE))),
        method=tuple(method(head, table)),
        raw=tuple(sorted(f"{raw}{path.name}" for path in (bundle.folder / "raw").glob("*.json"))),
        cite=cite(head, table.run),
    )


def rows(table: Table) -> Iterator[Row]:
    """Yield the cells in the table's order."""
    controls = {(cell.workload, cell.metric): cell for cell in table.cells if cell.target == table.control}
    for cell in table.cells:
        yield Row(
            family=cell.workload.partition(".")[0],
            workload=cell.workload,
            metric=cell.metric,
            target=label(cell),
            value=numbers.value(cell, controls.get((cell.workload, cell.metric))),
            cost=numbers.ratio(cell),
            interval=numbers.interval(cell),
            mde=numbers.percent(cell.mde),
            verdict=cell.verdict,
            emulated=is_emulated(cell),
            keys={key: number for key, number in _numbers(cell).items() if number is not None},
            remarks=(
                *cell.warnings,
                *(f"{one.fact}: {one.target}; on {table.baseline} {one.bare}" for one in cell.differences),
            ),
        )


def _numbers(cell: Cell) -> dict[str, float | None]:
    return {"value": cell.value, "cost": cell.ratio, "interval": cell.low, "mde": cell.mde}


def pictures(table: Table) -> Iterator[Picture]:
    """Yield the figures that have something to show in this run."""
    for figure in FIGURES:
        if spec := figure.draw(table):
            yield Picture(figure.name, figure.title, figure.says, spec)


def machine(facts: list[Fact]) -> Iterator[tuple[str, tuple[Known, ...]]]:
    """Yield the groups of facts of the host that matter most, and what the doctor says of them."""
    known = {fact.key: fact for fact in facts}
    for title, keys in SHORT:
        if group := tuple(_known(known[key]) for key in keys.split() if key in known):
            yield title, group
    found = [one for one in ordered(judged(known)) if one.severity in _DISTURBS]
    if found:
        yield "What the doctor finds", tuple(Known(one.what, str(one.value), one.why, one.fix) for one in found)


def _known(fact: Fact) -> Known:
    return Known(fact.key, in_words(fact), fact.level or "", fact.fix or "")


def method(head: Mapping[str, Any], table: Table) -> Iterator[str]:
    """Yield how it was measured, in sentences."""
    profile, seed = head["plan"]["profile"], head["plan"]["seed"]
    yield (
        "Every target ran the same programs of one image with the same arguments, the same number of CPUs and the same "
        "memory; bare is the same image without any container or guest around it."
    )
    yield (
        f"Each target was booted or created {profile['boots']} times. In each boot {profile['blocks']} blocks held "
        f"every workload once, workloads and targets in random order (seed {seed}): {profile['iterations']} measured "
        f"jobs of {profile['seconds']} s each, after {profile['warmups']} warm-up."
    )
    yield (
        "A cost is the geometric mean over boots of the boot's ratio to the baseline; its interval is Student's t over "
        "boots, because jobs of one boot are not independent of each other."
    )
    yield from session_notes(table)


def when(head: Mapping[str, Any]) -> str:
    """Return the day and time at which a run began, in UTC; empty where nobody knows."""
    seconds = head.get("created")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC" if isinstance(seconds, int | float) else ""


def cite(head: Mapping[str, Any], run: str) -> str:
    """Return the words by which the run is cited."""
    digests = head.get("digests", {})
    image, agent = (str(digests.get(key, "unknown"))[:12] for key in ("image", "agent"))
    return CITE.format(run=run, created=when(head) or "an unknown date", image=image, agent=agent)
