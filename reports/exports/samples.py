"""Every sample as a row, for pandas, DuckDB and spreadsheets: the same columns in CSV and in Parquet."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vbench.errors import HostError
from vbench.model import Sample
from vbench.reports.as_csv import field
from vbench.reports.exports.source import Source

COLUMNS: Mapping[str, type] = {
    "run": str,
    "workload": str,
    "metric": str,
    "unit": str,
    "better": str,
    "target": str,
    "accelerator": str,
    "instance": str,
    "boot": int,
    "block": int,
    "iteration": int,
    "value": float,
    "warmup": bool,
    "raw": str,
    "blame": str,
    "failure": str,
    "warnings": str,
}


def write_csv(sources: Sequence[Source]) -> str:
    """Return the samples as CSV: an empty field for what is missing, formulas defused."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    empty = True
    for row in _rows(sources):
        writer.writerow({name: field(value) for name, value in row.items()})
        empty = False
    return "" if empty else out.getvalue()


def write_parquet(sources: Sequence[Source]) -> bytes:
    """Return the samples as Parquet: null for what is missing. Raises HostError where pyarrow is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra: most users never need its 170 MB
        from pyarrow import parquet  # noqa: PLC0415 - the same
    except ImportError:
        remedy = "Install it with `pip install 'vbench-suite[parquet]'`, or export to csv."
        raise HostError("Parquet needs the package 'pyarrow', which is missing.", remedy) from None
    rows = [{name: _sound(value) for name, value in row.items()} for row in _rows(sources)]
    if not rows:
        return b""
    kinds: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    out = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    found: bytes = out.getvalue().to_pybytes()
    return found


def _rows(sources: Sequence[Source]) -> Iterator[dict[str, Any]]:
    for source in sources:
        accelerators = source.accelerators
        for sample in source.bundle.samples():
            yield _row(source.run, accelerators[sample.target], sample)


def _row(run: str, accelerator: str | None, sample: Sample) -> dict[str, Any]:
    failure = sample.failure
    return {
        **{name: getattr(sample, name, None) for name in COLUMNS},
        "run": run,
        "accelerator": accelerator,
        "blame": failure.blame if failure else None,
        "failure": failure.message if failure else None,
        "warnings": "; ".join(sample.warnings) or None,
    }


def _sound(value: Any) -> Any:
    """Return a value that UTF-8 can hold: JSON may hide halves of characters in a text."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
