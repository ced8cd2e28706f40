"""pytest-benchmark's JSON: each metric that is a time is a benchmark, each boot one of its rounds.

Source: pytest_benchmark.session.BenchmarkSession.make_json and pytest_benchmark.stats.Stats, version 5.2.
"""

import json
from collections.abc import Sequence
from statistics import fmean, median, quantiles, stdev
from typing import Any

from vbench import __version__
from vbench.reports.clean import printable
from vbench.reports.exports.source import Boot, Source, boots
from vbench.stats.series import Key

_FORMAT = "5.2.3"  # the version of pytest-benchmark whose form this is


def write(sources: Sequence[Source]) -> str:
    """Return the run as pytest-benchmark's JSON; metrics that are no duration are left out."""
    source = sources[0]
    found = [
        _benchmark(key, source.labels[target], rounds)
        for (key, target), rounds in boots(source).items()
        if _is_time(key)
    ]
    if not found:
        return ""
    document = {
        "machine_info": _machine(source),
        "commit_info": {"id": source.run, "time": source.created.isoformat(), "dirty": False, "project": "vbench"},
        "benchmarks": found,
        "datetime": source.created.isoformat(),
        "version": _FORMAT,
    }
    return json.dumps(document, indent=4, allow_nan=False) + "\n"


def _is_time(key: Key) -> bool:
    return key.unit == "s" and key.better == "lower"


def _benchmark(key: Key, target: str, rounds: Sequence[Boot]) -> dict[str, Any]:
    values = [boot.value for boot in rounds]
    name = printable(f"{key.workload}.{key.metric}[{target}]")
    return {
        "group": printable(f"{key.workload}.{key.metric}"),
        "name": name,
        "fullname": name,
        "params": {"target": printable(target)},
        "param": printable(target),
        "extra_info": {"vbench": __version__},
        "options": {"disable_gc": False, "timer": "vbench", "min_rounds": len(values), "warmup": False},
        "stats": _stats(values),
    }


def _stats(values: Sequence[float]) -> dict[str, Any]:
    """Return pytest-benchmark's statistics; as in pytest-benchmark itself, a single round has a spread of 0."""
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    mean, spread, reach = fmean(values), stdev(values) if len(values) > 1 else 0.0, 1.5 * (high - low)
    mild = [value for value in values if low - reach <= value <= high + reach]
    wild = sum(not mean - spread <= value <= mean + spread for value in values)
    return {
        "min": min(values),
        "max": max(values),
        "mean": mean,
        "stddev": spread,
        "rounds": len(values),
        "median": median(values),
        "iqr": high - low,
        "q1": low,
        "q3": high,
        "iqr_outliers": len(values) - len(mild),
        "stddev_outliers": wild,
        "outliers": f"{wild};{len(values) - len(mild)}",
        "ld15iqr": min(mild, default=middle),
        "hd15iqr": max(mild, default=middle),
        "ops": 1 / mean,
        "total": sum(values),
        "data": list(values),
        "iterations": 1,
    }


def _machine(source: Source) -> dict[str, Any]:
    names = {"node": "name", "release": "kernel", "machine": "arch"}
    return {name: source.host(key) for name, key in names.items()} | {"system": "Linux", "cpu": {}}
