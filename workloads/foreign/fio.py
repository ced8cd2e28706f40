"""fio's JSON and JSON+, from 2.0 to 3.4x: one part for each job and direction in which it did I/O.

Source: fio's stat.c. Up to 2.x latencies are in microseconds under "clat", since 2.99 in nanoseconds under "clat_ns";
"bw" is in KiB/s everywhere, "bw_bytes" came with 2.99. Unused percentiles are keys that repeat ("0.00"), and other
output may precede.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from vbench.model import Failure
from vbench.workloads.foreign.report import Part, Reading, Report, at, number, reading, report, settings, text_of
from vbench.workloads.outputs import TWICE

TOOL = "fio"
PREFIX = "fio-"  # of its version
DIRECTIONS = ("read", "write", "trim", "mixed")
QUANTILES = {50.0: "latency_p50", 99.0: "latency_p99", 99.9: "latency_p999"}
PLACES = frozenset(
    {"name", "description", "filename", "directory", "filename_format", "opendir", "write_bw_log", "write_lat_log"}
    | {"write_iops_log", "write_hist_log", "log_avg_msec", "per_job_logs", "output", "hostname"}
)  # options that say where, not what


def read(_: str, documents: Sequence[Any]) -> Report | None:
    """Return what fio's JSON says, None where it is something else.

    --status-interval writes a JSON each time; the last one is the whole. Raises InputError where it holds no job.
    """
    found = [document for document in documents if isinstance(at(document, "fio version"), str)]
    if not found:
        return None
    last = found[-1]
    warnings = (f"the last of {len(found)} reports of fio in the file was read",) if len(found) > 1 else ()
    jobs = at(last, "jobs") or at(last, "client_stats")
    shared = settings(at(last, "global options"), without=PLACES)
    parts = (part for job in (jobs if isinstance(jobs, list) else []) for part in _job(job, shared))
    return report(TOOL, at(last, "fio version").removeprefix(PREFIX), parts, warnings)


def _job(job: Any, shared: dict[str, str]) -> Iterator[Part]:
    name = text_of(at(job, "jobname") or "job")
    definition = shared | settings(at(job, "job options"), without=PLACES)
    active = [way for way in DIRECTIONS if _works(at(job, way))]
    error = number(at(job, "error"))
    if error or not active:
        why = f"fio ended '{name}' with the error {error:g}" if error else f"'{name}' did no I/O"
        failure = Failure("job", f"{why}.")
        yield Part(name, (reading("iops", failure), reading("bandwidth", failure)), definition)
        return
    for way in active:
        title = name if len(active) == 1 else f"{name} {way}"
        yield Part(title, tuple(_readings(at(job, way))), definition)


def _works(way: Any) -> bool:
    return any(number(at(way, key)) for key in ("total_ios", "io_bytes", "io_kbytes", "iops"))


def _readings(way: Any) -> Iterator[Reading]:
    yield reading("iops", at(way, "iops"))
    rate = at(way, "bw_bytes")
    yield reading("bandwidth", at(way, "bw"), 1024) if rate is None else reading("bandwidth", rate)
    latency, scale = (at(way, "clat_ns"), 1e-9) if isinstance(at(way, "clat_ns"), dict) else (at(way, "clat"), 1e-6)
    yield reading("latency_mean", at(latency, "mean"), scale)
    percentiles = _percentiles(at(latency, "percentile"))
    for share, name in QUANTILES.items():
        yield reading(name, percentiles.get(share), scale)


def _percentiles(value: Any) -> dict[float, Any]:
    """Return the percentiles by their share: "99.000000" in most versions, "99.00" in some."""
    found: dict[float, Any] = {}
    for key, one in value.items() if isinstance(value, dict) else ():
        try:
            share = float(key)
        except ValueError:
            continue
        found[share] = TWICE if share in found else one
    return found
