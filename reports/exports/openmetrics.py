"""OpenMetrics text: a gauge for each metric and unit, and the costs relative to the baseline.

Source: https://prometheus.io/docs/specs/om/open_metrics_spec/ (1.0): families unbroken, a name ends in its unit, # EOF.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vbench.model import Cell
from vbench.reports.clean import printable
from vbench.reports.exports.source import Source, valued

_UNITS = {
    "s": "seconds",
    "B": "bytes",
    "1/s": "per_second",
    "B/s": "bytes_per_second",
    "J": "joules",
    "W": "watts",
    "1": "ratio",
}
_RELATIVE = {
    "relative_cost": ("ratio", "Cost relative to bare metal; above 1 is slower."),
    "relative_cost_low": ("low", "Lower bound of the cost relative to bare metal."),
    "relative_cost_high": ("high", "Upper bound of the cost relative to bare metal."),
    "minimum_detectable": ("mde", "The smallest overhead that so many boots find four times in five."),
}

Line = tuple[Mapping[str, str], float]


def write(sources: Sequence[Source]) -> str:
    """Return the runs as OpenMetrics; what has no value has no line."""
    families: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for source in sources:
        for cell, value in valued(source.table.cells):
            labels = _labels(source, cell)
            unit = _UNITS.get(cell.unit, _name(cell.unit))
            name = f"vbench_value_{_name(cell.metric)}_{unit}"
            families[name, unit, f"In {cell.unit}."].append((labels | {"better": cell.better}, value))
            for name, number, about in _relative(cell):
                families[name, "ratio", about].append((labels | {"metric": cell.metric}, number))
    lines = [line for family, found in sorted(families.items()) for line in _family(*family, found)]
    return "\n".join([*lines, "# EOF", ""]) if lines else ""


def _relative(cell: Cell) -> Iterator[tuple[str, float, str]]:
    if cell.verdict == "baseline":
        return
    for name, (field, about) in _RELATIVE.items():
        if (number := getattr(cell, field)) is not None:
            yield f"vbench_{name}_ratio", number, about


def _labels(source: Source, cell: Cell) -> dict[str, str]:
    labels = {"run": source.run, "workload": cell.workload, "target": cell.target}
    return labels | ({"accelerator": cell.accelerator} if cell.accelerator else {})


def _name(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


def _family(name: str, unit: str, about: str, lines: Sequence[Line]) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {_escaped(about)}"
    for labels, value in lines:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{pairs}}} {value!r}"


def _escaped(text: str) -> str:
    return printable(text).replace("\\", r"\\").replace('"', r"\"")
