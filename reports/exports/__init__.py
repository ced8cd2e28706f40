"""A run in the formats of other tools: `vbench export RUN --to FORMAT`. docs/exports.md says what each one holds.

Missing is missing in all of them, never zero; names are escaped as the format wants it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vbench.errors import NOTHING, InputError, VbenchError, unknown
from vbench.reports.exports import (
    benchfmt,
    bmf,
    github_action,
    junit,
    openmetrics,
    otava,
    pytest_benchmark,
    samples,
)
from vbench.reports.exports.source import Source, source_of

__all__ = ["FORMATS", "Format", "NothingError", "Source", "export", "source_of"]


class NothingError(VbenchError):
    """There is nothing that the format could hold."""

    exit_code = NOTHING
    blame = "job"


@dataclass(frozen=True)
class Format:
    """How runs are written, empty where they have nothing that it `holds`; whether `several` of them fit in a file."""

    write: Callable[[Sequence[Source]], str | bytes]
    several: bool = False
    holds: str = "value"


FORMATS: Mapping[str, Format] = {
    "pytest-benchmark": Format(pytest_benchmark.write, holds="duration"),
    "bmf": Format(bmf.write),
    "github-action": Format(github_action.write),
    "openmetrics": Format(openmetrics.write, several=True),
    "junit": Format(junit.write, several=True, holds="cell"),
    "benchfmt": Format(benchfmt.write, several=True),
    "otava": Format(otava.write, several=True, holds="value that all of them have"),
    "parquet": Format(samples.write_parquet, several=True, holds="sample"),
    "csv": Format(samples.write_csv, several=True, holds="sample"),
}


def export(sources: Sequence[Source], form: str) -> bytes:
    """Return one or more runs in a format of `FORMATS`.

    Raises InputError: an unknown format, several runs where it holds one, one run twice. Raises NothingError: nothing
    to write.
    """
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    chosen = FORMATS[form]
    if len(sources) > 1 and not chosen.several:
        raise InputError(f"The format '{form}' holds one run, not {len(sources)}.", "Export them one by one.")
    twice = next((source.run for at, source in enumerate(sources) if source.run in [s.run for s in sources[:at]]), None)
    if twice:
        raise InputError(f"The run '{twice}' is named twice.", "Name each run once: rows of it would be counted twice.")
    written = chosen.write(sources)
    if not written:
        runs = ", ".join(f"'{source.run}'" for source in sources)
        raise NothingError(f"There is no {chosen.holds} in {runs} that '{form}' could hold.", "Look at `vbench show`.")
    return written.encode() if isinstance(written, str) else written
