"""What a run found, in three sentences: the largest and the smallest cost that its data support, and what they do not.

A cost is supported up to the nearer end of its interval: "at least 1.31" for an interval [1.31, 1.42].
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from vbench.model import Cell
from vbench.reports import numbers
from vbench.reports.figures.frame import compared
from vbench.reports.table import ALONE, Table, is_emulated, label
from vbench.stats.verdicts import FASTER, SIMILAR, SLOWER

_WORDS = {
    "inconclusive": "inconclusive",
    "one boot": "known from one boot only",
    "withheld": "withheld",
    "failed": "failed",
    "missing": "missing",
}


def finding(table: Table) -> tuple[str, ...]:
    """Return the three sentences for one run; without a baseline there is one."""
    if table.baseline is None:
        return (ALONE,)
    told = list(compared(table))
    real = [cell for cell in told if not is_emulated(cell)]
    return _largest(real, told), _smallest(real), _unsaid(told)


def _largest(real: Sequence[Cell], told: Sequence[Cell]) -> str:
    """Say the largest cost of a target that was not emulated, and beside it that of one that was."""
    here, emulated = _costliest(real), _costliest([cell for cell in told if is_emulated(cell)])
    beside = f" Under emulation, {_cost(emulated)}; that says nothing of hardware virtualization." if emulated else ""
    if here is None:
        return f"No overhead of a target that ran on hardware is supported by the data.{beside}"
    return f"The largest overhead that the data support: {_cost(here)}.{beside}"


def _costliest(cells: Iterable[Cell]) -> Cell | None:
    return max((cell for cell in cells if cell.verdict == SLOWER), key=lambda cell: cell.low or 0, default=None)


def _cost(cell: Cell) -> str:
    return f"{_name(cell)} costs {numbers.ratio(cell)} {numbers.interval(cell)} times what the baseline does"


def _smallest(real: Sequence[Cell]) -> str:
    close = [cell for cell in real if cell.verdict == SIMILAR and cell.low and cell.high]
    if close:
        least = min(close, key=lambda cell: max(cell.high or 0, 1 / (cell.low or 1)))
        return (
            f"The smallest: {_name(least)} is within {numbers.interval(least)} of the baseline, the tightest of "
            f"{len(close)} cells that are called similar."
        )
    slower = [cell for cell in real if cell.verdict == SLOWER]
    if slower:
        least = min(slower, key=lambda cell: cell.high or 0)
        return f"The smallest: {_cost(least)}, and no cell can be called similar to the baseline."
    return "No cell of a target that ran on hardware can be called similar to the baseline."


def _unsaid(told: Sequence[Cell]) -> str:
    if not told:
        return "There is nothing but the baseline in this run, so nothing can be said of any other target."
    counts = Counter(cell.verdict for cell in told)
    open_ = [f"{counts[verdict]} {words}" for verdict, words in _WORDS.items() if counts[verdict]]
    if not open_:
        return f"All {len(told)} cells have a verdict; none is left open."
    faster = f" {counts[FASTER]} came out faster than the baseline, which asks for a reason." if counts[FASTER] else ""
    return f"What cannot be said: of {len(told)} cells {', '.join(open_)}.{faster}"


def _name(cell: Cell) -> str:
    return f"{cell.workload} ({cell.metric}) on {label(cell)}"
