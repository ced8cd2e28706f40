"""Several runs beside each other, one row a machine: what a target costs on each, and how the machines differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vbench.model import Cell, Value
from vbench.reports import numbers
from vbench.reports.comparable import CONDITIONS, MACHINE, UNKNOWN
from vbench.reports.finish import machine_of
from vbench.reports.table import Table, is_emulated, label
from vbench.store.bundle import Bundle


@dataclass(frozen=True)
class Machine:
    """A run with the machine that it ran on: `facts` are those in which the machines of this comparison differ."""

    run: str
    name: str
    facts: dict[str, Value]


@dataclass(frozen=True)
class Row:
    """A cell of one of the runs, in words."""

    workload: str
    metric: str
    target: str
    machine: str
    run: str
    value: str
    cost: str
    interval: str
    verdict: str
    emulated: bool
    key: float | None


@dataclass(frozen=True)
class Across:
    """The runs in the order given, and the rows of one workload, metric and target side by side."""

    machines: tuple[Machine, ...]
    rows: tuple[Row, ...]


def across(found: Sequence[tuple[Bundle, Table]]) -> Across:
    """Return several runs side by side; what only one of them has is there too."""
    machines = tuple(_machines([bundle for bundle, _ in found]))
    rows = [
        _row(cell, table, machine)
        for (_, table), machine in zip(found, machines, strict=True)
        for cell in table.cells
        if cell.target not in {table.baseline, table.control}
    ]
    order = {key: number for number, key in enumerate(dict.fromkeys(map(_place, rows)))}
    return Across(machines, tuple(sorted(rows, key=lambda row: order[_place(row)])))


def _place(row: Row) -> tuple[str, str, str]:
    return row.workload, row.metric, row.target


def _machines(bundles: Sequence[Bundle]) -> Iterator[Machine]:
    """Yield the machines by the names of their hosts, with the facts that are not the same on all of them."""
    known = [machine_of(bundle) for bundle in bundles]
    unlike = [key for key in (*MACHINE, *CONDITIONS) if len({one.get(key, UNKNOWN) for one in known}) > 1]
    for bundle, facts in zip(bundles, known, strict=True):
        name = str(bundle.header["host"].get("name") or bundle.ident)
        yield Machine(bundle.ident, name, {key: facts.get(key, UNKNOWN) for key in unlike})


def _row(cell: Cell, table: Table, machine: Machine) -> Row:
    controls = (one for one in table.cells if one.target == table.control)
    control = next((one for one in controls if (one.workload, one.metric) == (cell.workload, cell.metric)), None)
    return Row(
        workload=cell.workload,
        metric=cell.metric,
        target=label(cell),
        machine=machine.name,
        run=machine.run,
        value=numbers.value(cell, control),
        cost=numbers.ratio(cell),
        interval=numbers.interval(cell),
        verdict=cell.verdict,
        emulated=is_emulated(cell),
        key=cell.ratio,
    )
