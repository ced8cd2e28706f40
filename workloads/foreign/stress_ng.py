"""stress-ng's --metrics and --metrics-brief, and its --yaml file: one part for each stressor.

Source: metrics_dump in stress-ng.c. The lines are marked "info:" up to 0.14 and "metrc:" since; the rate is that of
real time.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from vbench.workloads.foreign.report import MOST, Part, Reading, Report, reading, report, text_of

TOOL = "stress-ng"
_LINE = re.compile(
    r"^stress-ng: (?:[\d:.]{1,20} )?(?:info|metrc): +\[\d+\] +([a-z][a-z0-9_-]*) +(\d{1,30})"
    r"((?: +[\d.]{1,30}){5,9})[ \t\r]*$",
    re.MULTILINE,
)
_RUN = re.compile(r"^stress-ng: .*\] (dispatching hogs: .*|setting to .*)$", re.MULTILINE)
_VERSION = re.compile(r"^ *stress-ng-version: ['\"]?([\w.-]+)", re.MULTILINE)
_DEBUG = re.compile(r"^stress-ng: debug: +\[\d+\] (?:stress-ng |version )(\d[\w.]*)", re.MULTILINE)
_STRESSOR = re.compile(r"^ *- stressor: ['\"]?([\w-]+)", re.MULTILINE)
_KEY = re.compile(r"^ +([a-z-]+): ([\d.eE+-]+)[ \t\r]*$", re.MULTILINE)


def read(text: str, _: Sequence[Any]) -> Report | None:
    """Return what stress-ng says on its console or in its YAML, None where it is something else."""
    stressors = list(islice(_STRESSOR.finditer(text), MOST + 1))
    if _VERSION.search(text) and stressors:
        return report(TOOL, _first(_VERSION, text), _yaml(text, stressors))
    lines = list(islice(_LINE.finditer(text), MOST + 1))
    if not lines:
        return None
    definition = {"run": text_of("; ".join(sorted({match[1] for match in islice(_RUN.finditer(text), 10)})))}
    return report(TOOL, _first(_DEBUG, text), (_console(line, definition) for line in lines))


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _console(line: re.Match[str], definition: dict[str, str]) -> Part:
    _, user, system, rate, *_ = line[3].split()
    return Part(text_of(line[1]), tuple(_readings(rate, line[2], user, system)), definition)


def _yaml(text: str, stressors: Sequence[re.Match[str]]) -> Iterator[Part]:
    ends = [match.start() for match in stressors[1:]] + [len(text)]
    for match, end in zip(stressors, ends, strict=True):
        keys = dict(_KEY.findall(text, match.end(), min(end, match.end() + 10_000)))
        told = [keys.get(key) for key in ("bogo-ops-per-second-real-time", "bogo-ops", "user-time", "system-time")]
        yield Part(text_of(match[1]), tuple(_readings(*told)), {})


def _readings(rate: str | None, count: str | None, user: str | None, system: str | None) -> Iterator[Reading]:
    yield reading("rate", rate)
    try:
        work = (float(user or "") + float(system or "")) / float(count or "")
    except (ValueError, ZeroDivisionError):
        return
    if work:  # below the clock's tick it is 0, which says nothing
        yield reading("cpu_per_work", work)
