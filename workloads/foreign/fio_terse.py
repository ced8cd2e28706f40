"""fio's terse output, versions 2 to 5: a line for each job.

Source: fio's HOWTO, "Terse output", and show_ddir_status_terse in its stat.c. Fields are counted from the twenty
percentiles of a direction and not from the line's begin: a name or a description with a semicolon in it shifts all
others, version 5 has six more fields a direction, disks and descriptions may follow or not, and a server puts "<host> "
before the line.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from vbench.model import Failure
from vbench.workloads.foreign.fio import PREFIX, QUANTILES, TOOL
from vbench.workloads.foreign.report import MOST, Part, Reading, Report, reading, report, text_of

_LINE = re.compile(r"^(?:<[^>\n]{1,100}> )?((?:2;[^;\n]|[345];fio-).*)$", re.MULTILINE)
_PERCENTILE = re.compile(r"(\d+(?:\.\d+)?)%=(\d+)", re.ASCII)
_RUN = 20  # percentiles of a direction
_BEFORE = 12  # fields of a direction before them: KiB, KiB/s, IOPS, ms; four of slat; four of clat
_FIELDS = 4096  # the most that a line may have
_WAYS = ("read", "write", "trim")
_MEAN = 10  # the field of the mean of clat, counted from the first of a direction


def read(text: str, _: Sequence[Any]) -> Report | None:
    """Return what fio's terse lines say, None where there is none. Version 2 does not name the version of fio."""
    lines = [match[1] for match in islice(_LINE.finditer(text), MOST + 1)]
    jobs = [(fields, list(_runs(fields))) for fields in (line.split(";", _FIELDS) for line in lines)]
    jobs = [(fields, runs) for fields, runs in jobs if runs or fields[0] != "2"]
    if not jobs:
        return None
    parts = (part for fields, runs in jobs for part in _job(fields, runs))
    version = jobs[0][0][1].removeprefix(PREFIX) if jobs[0][0][0] != "2" else None
    return report(TOOL, version, parts)


def _runs(fields: Sequence[str]) -> Iterator[int]:
    """Yield where the twenty percentiles of each direction begin."""
    length = 0
    for position, field in enumerate(fields):
        length = length + 1 if _PERCENTILE.fullmatch(field) else 0
        if length == _RUN and position >= _RUN + _BEFORE:
            yield position - _RUN + 1


def _job(fields: Sequence[str], runs: Sequence[int]) -> Iterator[Part]:
    first = 2 if fields[0] != "2" else 1
    title = ";".join(fields[first : runs[0] - _BEFORE - 2]) if runs else fields[first] if len(fields) > first else ""
    name = text_of(title) or "job"
    ways = {way: run - _BEFORE for way, run in zip(_WAYS, runs, strict=False)}
    active = {way: start for way, start in ways.items() if fields[start] != "0"}
    if not active or fields[runs[0] - _BEFORE - 1] != "0":
        why = "did no I/O or ended in an error" if runs else "stands on a line that is cut off"
        failure = Failure("job", f"'{name}' {why}.")
        yield Part(name, (reading("iops", failure), reading("bandwidth", failure)), {})
        return
    for way, start in active.items():
        yield Part(name if len(active) == 1 else f"{name} {way}", tuple(_readings(fields, start)), {})


def _readings(fields: Sequence[str], start: int) -> Iterator[Reading]:
    yield reading("iops", fields[start + 2])
    yield reading("bandwidth", fields[start + 1], 1024)
    yield reading("latency_mean", fields[start + _MEAN], 1e-6)
    found = [_PERCENTILE.fullmatch(field) for field in fields[start + _BEFORE : start + _BEFORE + _RUN]]
    values = {float(match[1]): match[2] for match in found if match}
    for share, name in QUANTILES.items():
        yield reading(name, values.get(share), 1e-6)
