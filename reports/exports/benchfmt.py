"""Go's benchmark format, one line for each boot, so that benchstat sees the boots as its samples.

Source: https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md, and "Unit" lines from
https://pkg.go.dev/golang.org/x/perf/benchfmt.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from vbench import __version__
from vbench.reports.clean import printable
from vbench.reports.exports.source import Boot, Source, boots
from vbench.stats.series import Key

_SAFE = ".:+,@"


def write(sources: Sequence[Source]) -> str:
    """Return the runs in Go's benchmark format: a configuration, the units' directions, the boots."""
    found = [(source, boots(source)) for source in sources]
    directions: dict[str, set[str]] = defaultdict(set)
    for key in (key for _, per_cell in found for key, _ in per_cell):
        directions[_unit(key)].add(key.better)
    if not directions:
        return ""
    # Two workloads may mean opposite things by one name: then nothing is said of its direction.
    lines = [f"Unit {unit} better={way}" for unit, ways in sorted(directions.items()) for way in ways if len(ways) == 1]
    for source, per_cell in found:
        lines += _lines(source, per_cell)
    return "\n".join(lines) + "\n"


def _lines(source: Source, per_cell: dict[tuple[Key, str], list[Boot]]) -> Iterator[str]:
    yield ""
    yield f"vbench: {__version__}"
    yield f"run: {printable(source.run)}"
    yield f"kernel: {printable(source.host('kernel'))}"
    grouped: dict[tuple[str, str, int], list[tuple[Key, Boot]]] = defaultdict(list)
    for (key, target), found in per_cell.items():
        for boot in found:
            grouped[key.workload, target, boot.number].append((key, boot))
    for (workload, target, _), values in grouped.items():
        count = max(boot.blocks for _, boot in values)
        pairs = " ".join(f"{boot.value!r} {_unit(key)}" for key, boot in values)
        accelerator = source.accelerators[target] or "none"
        yield f"{name(workload, target, accelerator, source.cpus)} {count} {pairs}"


def name(workload: str, target: str, accelerator: str, cpus: int | None) -> str:
    """Return a benchmark's name: one field, `/` only before a key, the CPUs at the end as Go puts GOMAXPROCS there.

    >>> name("cpu.primes", "kvm/kvm", "tcg/kvm", 2)
    'BenchmarkCpu.primes/target=kvm%2Fkvm/accelerator=tcg%2Fkvm-2'
    >>> name("cpu.primes", "lab", "gpu-7", None)
    'BenchmarkCpu.primes/target=lab/accelerator=gpu%2D7'
    """
    parts = (workload[:1].upper() + workload[1:], target, accelerator)
    title, where, how = (quote(part, _SAFE) for part in parts)
    whole = f"Benchmark{title}/target={where}/accelerator={how}"
    return f"{whole}-{cpus}" if cpus else re.sub(r"-(?=[0-9]+$)", "%2D", whole)


def _unit(key: Key) -> str:
    """Return a metric with its unit as Go writes it: "latency_p99-sec", "bandwidth-B/s"."""
    return f"{quote(key.metric, '')}-{'sec' if key.unit == 's' else quote(key.unit, '/')}"
