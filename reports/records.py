"""The raw records of a run beside the samples that came of them: what costs and attributions are derived from."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from vbench.errors import InputError
from vbench.model import Sample
from vbench.run.cost import Record
from vbench.store import definitions
from vbench.store.bundle import Bundle
from vbench.workloads import Workload


class Finished(NamedTuple):
    """A job that came to its end: its workload, its record, and a sample for each metric."""

    workload: Workload
    record: Record
    samples: list[Sample]


def finished(bundle: Bundle, workload: str | None = None) -> Iterator[Finished]:
    """Yield the finished jobs of a run, or of one workload in it, in the order of their samples.

    Raises InputError for a record that is missing or damaged. An import has none.
    """
    if "imported" in bundle.header:
        return
    known = definitions.kept(bundle.folder)
    by_raw: dict[str, list[Sample]] = defaultdict(list)
    for sample in bundle.samples():
        if sample.raw and workload in {None, sample.workload}:
            by_raw[sample.raw].append(sample)
    decoder = msgspec.json.Decoder(Record)
    there = {f"raw/{path.name}": path for path in (bundle.folder / "raw").glob("*.json")}  # no name is taken as a path
    for raw, samples in by_raw.items():
        try:
            yield Finished(known[samples[0].workload], decoder.decode(there[raw].read_bytes()), samples)
        except (OSError, KeyError, ValueError) as error:
            remedy = "Restore the bundle from a copy."
            raise InputError(f"'{raw}' of the run '{bundle.ident}' is missing or damaged: {error}.", remedy) from None
