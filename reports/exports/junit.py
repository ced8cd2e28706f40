"""JUnit XML: a test case for each cell, which asks whether the target costs no more than the baseline and the margin.

The outcomes are those of MEASUREMENT.md's "Verdicts" with Holm's correction over the run: no worse passes, regressed
is a failure, inconclusive and whatever gives no interval is skipped, a cell whose every sample failed is an error.
Source of the form: https://github.com/testmoapp/junitxml.
"""

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from vbench.model import Cell
from vbench.reports.clean import printable
from vbench.reports.exports.source import Source, title
from vbench.reports.numbers import interval, percent, ratio
from vbench.reports.table import Table, label
from vbench.stats.gate import Outcome, gate, paired
from vbench.stats.pairs import log_ratios

Place = tuple[str, str, str, str]


def write(sources: Sequence[Source]) -> str:
    """Return the runs as JUnit XML, a suite for each run and workload."""
    root = ET.Element("testsuites", name="vbench")
    for source in sources:
        outcomes = _outcomes(source)
        for workload, cells in groupby(source.table.cells, key=lambda cell: cell.workload):
            suite = ET.SubElement(root, "testsuite", name=printable(workload), id=printable(source.run))
            suite.set("timestamp", source.created.strftime("%Y-%m-%dT%H:%M:%S"))
            for cell in cells:
                _case(suite, cell, outcomes.get(_place(cell)), source.table)
            _count(suite)
    if not len(root):
        return ""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _place(cell: Cell) -> Place:
    return cell.workload, cell.metric, cell.unit, cell.target


def _outcomes(source: Source) -> dict[Place, Outcome]:
    """Return the gate's outcome of every cell that has an interval; the A/A control is no part of the family."""
    gated = {
        _place(cell) for cell in source.table.cells if cell.low is not None and cell.target != source.table.control
    }
    means = {
        (key.workload, key.metric, key.unit, target): found
        for (key, target), found in log_ratios(source.bundle.samples(), source.table.baseline).items()
    }
    places = sorted(gated & means.keys())
    return dict(zip(places, gate([paired(means[place]) for place in places], source.table.margin), strict=True))


def _case(suite: ET.Element, cell: Cell, outcome: Outcome | None, table: Table) -> None:
    name = printable(f"{cell.metric} on {label(cell)}")
    case = ET.SubElement(suite, "testcase", classname=printable(cell.workload), name=name)
    cost = f"cost {ratio(cell)} of {table.baseline}" if table.baseline else "no baseline"
    measured = f"{cost}, interval {interval(cell)}, margin {percent(table.margin)}"
    said = printable("; ".join((f"{title(cell)}: {cell.verdict}, {measured}", *cell.warnings)))
    if cell.verdict == "failed":
        ET.SubElement(case, "error", type="failed", message=said)
    elif outcome == "regressed":
        ET.SubElement(case, "failure", type=outcome, message=said)
    elif outcome in {"no worse", "improved"} or cell.verdict == "baseline" or _is_control(cell, table):
        ET.SubElement(case, "system-out").text = said
    else:
        ET.SubElement(case, "skipped", type=outcome or cell.verdict, message=f"{outcome or cell.verdict}: {said}")


def _is_control(cell: Cell, table: Table) -> bool:
    """Whether the cell is the A/A control's: it says what the session is worth, and no target's cost."""
    return cell.target == table.control and cell.low is not None


def _count(suite: ET.Element) -> None:
    counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for name, path in (counts | {"skipped": "testcase/skipped"}).items():
        suite.set(name, str(len(suite.findall(path))))
