"""A workload over all stored runs of one kind of machine: where a cost changed, and where the next run should fall."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from vbench.errors import unknown
from vbench.model import Value
from vbench.reports.comparable import Aspect, conditions, definition, differing, fingerprint, machine
from vbench.stats.estimate import natural
from vbench.stats.sessions import course, prediction
from vbench.store.session import Measured, Session

Newest = Literal["as predicted", "above", "below", "too few sessions"]


@dataclass(frozen=True)
class Point:
    """One session: `ratio` is the geometric mean over its boots of the cost relative to the baseline."""

    run: str
    created: float
    ratio: float
    boots: int
    label: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """A change of level: the first run of the new one, the medians, and what else changed with that run."""

    run: str
    before: float
    after: float
    along: tuple[Aspect, ...]


@dataclass(frozen=True)
class Series:
    """A metric on a target, oldest first.

    `level` is the geometric mean since the last change, `predicted` the 95 % interval for the next run, None below ten
    sessions since then. `newest` judges the last run by what those before it predicted. `drift` says that a straight
    line tells the series better than its steps.
    """

    metric: str
    target: str
    unit: str
    better: str
    points: tuple[Point, ...]
    steps: tuple[Step, ...]
    drift: bool
    level: float
    predicted: tuple[float, float] | None
    newest: Newest


@dataclass(frozen=True)
class LeftOut:
    """Runs that are in no series, and why."""

    runs: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class History:
    """All series of a workload on the machines with one fingerprint."""

    workload: str
    fingerprint: str
    machine: Mapping[str, Value]
    series: tuple[Series, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _Part:
    """A session with its cells of the workload."""

    session: Session
    cells: tuple[Measured, ...]

    def cell(self, metric: str, target: str) -> Measured | None:
        return next((c for c in self.cells if (c.metric, c.target) == (metric, target)), None)


def history(
    workload: str,
    sessions: Sequence[Session],
    cells: Iterable[tuple[str, Measured]],
    *,
    kind: str | None = None,
    target: str | None = None,
    metric: str | None = None,
) -> History:
    """Return the history of a workload; `sessions` are oldest first, `cells` come with their session's folder.

    `kind` is the beginning of a machine's fingerprint, that of the newest run unless told. Only sessions with the same
    definition as the newest are in a series: two definitions of a workload are never compared silently. Raises
    InputError for a machine, target or metric that no run has.
    """
    of: dict[str, list[Measured]] = defaultdict(list)
    for folder, cell in cells:
        of[folder].append(cell)
    parts = [_Part(one, tuple(of[one.folder])) for one in sessions if one.folder in of]
    kinds = [fingerprint(part.session) for part in parts]
    wanted = next((name for name in reversed(kinds) if name.startswith(kind or "")), None)
    if wanted is None:
        raise unknown("machine", str(kind), kinds)
    here = [part for part, name in zip(parts, kinds, strict=True) if name == wanted]
    reasons: dict[str, list[str]] = defaultdict(list)
    for part, name in zip(parts, kinds, strict=True):
        if name != wanted:
            reasons[f"the machine is another ({name})"].append(part.session.ident)
    for session in sessions:
        if session.trouble:
            reasons[session.trouble].append(session.ident)
    places = _places(here, target, metric)
    series = [found for place in places if (found := _series(here, workload, *place, reasons)) is not None]
    left_out = tuple(LeftOut(tuple(dict.fromkeys(runs)), reason) for reason, runs in reasons.items())
    return History(workload, wanted, machine(here[-1].session), tuple(series), left_out)


def _places(parts: Sequence[_Part], target: str | None, metric: str | None) -> list[tuple[str, str]]:
    """Return the (metric, target) pairs that were asked for."""
    every = dict.fromkeys(
        (c.metric, c.target) for part in parts for c in part.cells if c.target != part.session.baseline
    )
    for position, kind, wanted in ((0, "metric", metric), (1, "target", target)):
        if wanted is not None and wanted not in {place[position] for place in every}:
            raise unknown(kind, wanted, {place[position] for place in every})
    return [(m, t) for m, t in every if metric in {None, m} and target in {None, t}]


def _series(
    parts: Sequence[_Part], workload: str, metric: str, target: str, reasons: dict[str, list[str]]
) -> Series | None:
    having = [(part, cell) for part in parts if (cell := part.cell(metric, target)) is not None]
    newest, last = having[-1]
    meaning = definition(newest.session, workload, target, newest.cells) | {"unit": f"{last.unit} {last.better}"}
    used: list[tuple[_Part, Measured]] = []
    for part, cell in having:
        mine = definition(part.session, workload, target, part.cells) | {"unit": f"{cell.unit} {cell.better}"}
        if found := differing(mine, meaning):
            told = "; ".join(f"{one.name} is '{one.base}', in the newest '{one.new}'" for one in found)
            reasons[told].append(part.session.ident)
        elif cell.log_ratios:
            used.append((part, cell))
        else:
            reasons[f"no ratio of {metric} on {target} ({cell.verdict})"].append(part.session.ident)
    return _judged(used, last) if used else None


def _judged(used: Sequence[tuple[_Part, Measured]], last: Measured) -> Series:
    logs = [fmean(cell.log_ratios) for _, cell in used]
    found = course(logs)
    start = found.changes[-1].session if found.changes else 0
    expected, upcoming = prediction(logs[start:-1]), prediction(logs[start:])
    return Series(
        metric=last.metric,
        target=last.target,
        unit=last.unit,
        better=last.better,
        points=tuple(_point(part.session, cell, log) for (part, cell), log in zip(used, logs, strict=True)),
        steps=tuple(
            Step(
                used[change.session][0].session.ident,
                natural(change.before),
                natural(change.after),
                differing(*(conditions(used[at][0].session) for at in (change.session - 1, change.session))),
            )
            for change in found.changes
        ),
        drift=found.drift,
        level=natural(fmean(logs[start:])),
        predicted=None if upcoming is None else (natural(upcoming[0]), natural(upcoming[1])),
        newest=_placed(logs[-1], expected),
    )


def _point(session: Session, cell: Measured, log: float) -> Point:
    return Point(session.ident, session.created, natural(log), len(cell.log_ratios), session.label)


def _placed(log: float, expected: tuple[float, float] | None) -> Newest:
    if expected is None:
        return "too few sessions"
    return "above" if log > expected[1] else "below" if log < expected[0] else "as predicted"
