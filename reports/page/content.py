"""What a page says, taken from a run's bundle: words and numbers, nothing of their look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vbench.model import BARE, Cell, Fact
from vbench.reports import numbers
from vbench.reports.figures import FIGURES
from vbench.reports.figures.frame import Spec
from vbench.reports.finding import finding
from vbench.reports.of_bundle import facts_of
from vbench.reports.probed import SHORT
from vbench.reports.table import Table, is_emulated, label, session_notes
from vbench.store.bundle import Bundle

CITE = (
    "vbench, run {run} of {created}, image {image}, agent {agent}; re-derived from its raw outputs by `vbench verify`."
)


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
class Content:
    """The whole of a page."""

    run: str
    created: str
    label: Mapping[str, str]
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...]
    machine: tuple[tuple[str, tuple[Fact, ...]], ...]
    method: tuple[str, ...]
    raw: tuple[str, ...]
    cite: str


def content(bundle: Bundle, table: Table) -> Content:
    """Return what the page of a run says."""
    head = bundle.header
    return Content(
        run=table.run,
        created=str(head.get("created", "")),
        label=dict(head.get("label") or {}),
        sentences=finding(table.cells),
        rows=tuple(rows(table)),
        pictures=tuple(pictures(table)),
        machine=tuple(machine(facts_of(bundle, BARE))),
        method=tuple(method(head, table)),
        raw=tuple(sorted(path.name for path in (bundle.folder / "raw").glob("*.json"))),
        cite=cite(head, table.run),
    )


def rows(table: Table) -> Iterator[Row]:
    """Yield the cells in the table's order."""
    controls = {(cell.workload, cell.metric): cell for cell in table.cells if cell.target == "bare2"}
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
            remarks=(*cell.warnings, *(f"{one.fact}: {one.target}; on bare {one.bare}" for one in cell.differences)),
        )


def _numbers(cell: Cell) -> dict[str, float | None]:
    return {"value": cell.value, "cost": cell.ratio, "interval": cell.low, "mde": cell.mde}


def pictures(table: Table) -> Iterator[Picture]:
    """Yield the figures that have something to show in this run."""
    for figure in FIGURES:
        if spec := figure.draw(table.cells):
            yield Picture(figure.name, figure.title, figure.says, spec)


def machine(facts: list[Fact]) -> Iterator[tuple[str, tuple[Fact, ...]]]:
    """Yield the groups of facts of the host that matter most, as `vbench probe` does."""
    known = {fact.key: fact for fact in facts}
    for title, keys in SHORT:
        if group := tuple(known[key] for key in keys.split() if key in known):
            yield title, group


def method(head: Mapping[str, Any], table: Table) -> Iterator[str]:
    """Yield how it was measured, in sentences."""
    profile, seed = head["plan"]["profile"], head["plan"]["seed"]
    yield (
        "Every target ran the same programs of one image with the same arguments, the same number of CPUs and the same "
        "memory; bare is the same image without any container or guest around it."
    )
    yield (
        f"Each target was booted or created {profile['boots']} times. In each boot {profile['blocks']} blocks held every "
        f"workload once, workloads and targets in random order (seed {seed}), {profile['warmups']} warm-up and "
        f"{profile['iterations']} measured jobs of {profile['seconds']} s each."
    )
    yield (
        "A cost is the geometric mean over boots of the boot's ratio to bare; its interval is Student's t over boots, "
        "because jobs of one boot are not independent of each other."
    )
    yield from session_notes(table)


def cite(head: Mapping[str, Any], run: str) -> str:
    """Return the words by which the run is cited."""
    digests = head.get("digests", {})
    image, agent = (str(digests.get(key, "unknown"))[:12] for key in ("image", "agent"))
    return CITE.format(run=run, created=head.get("created", "an unknown date"), image=image, agent=agent)
