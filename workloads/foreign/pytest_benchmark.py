"""pytest-benchmark's JSON: the median round of each benchmark.

Source: pytest_benchmark.session.BenchmarkSession.make_json, versions 3 to 5.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from vbench.workloads.foreign.report import Part, Report, at, once, reading, report, settings, text_of

TOOL = "pytest-benchmark"
MEDIAN = "benchmarks[0].stats.median"  # where that stands in the output of one benchmark
CHANCE = frozenset({"min_rounds", "max_time", "min_time"})  # what says how long, not what


def read(_: str, documents: Sequence[Any]) -> Report | None:
    """Return what pytest-benchmark says, None where it is something else. Raises InputError for several in one file."""
    found = [one for one in documents if isinstance(at(one, "benchmarks"), list) and "machine_info" in one]
    if not found:
        return None
    once(TOOL, len(found))
    return report(TOOL, at(found[0], "version"), _parts(at(found[0], "benchmarks")))


def _parts(benchmarks: list[Any]) -> Iterator[Part]:
    for one in benchmarks:
        name = text_of(at(one, "fullname") or at(one, "name") or "benchmark")
        definition = settings(at(one, "options"), without=CHANCE) | settings(at(one, "params"))
        yield Part(name, (reading("duration", at(one, "stats", "median")),), definition)
