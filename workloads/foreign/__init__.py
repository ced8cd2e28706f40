"""Output that benchmark tools wrote elsewhere becomes metrics under vbench's names, in base units, or says why not.

It is untrusted: the caller bounds the text, nothing in it is believed, and every reader takes time in proportion to it.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from vbench.errors import InputError
from vbench.workloads.foreign import (
    fio,
    fio_terse,
    iperf3,
    openssl,
    own,
    pytest_benchmark,
    seven_zip,
    stress_ng,
    sysbench,
)
from vbench.workloads.foreign.report import MOST, Part, Reading, Report
from vbench.workloads.form import Workload
from vbench.workloads.outputs import documents

__all__ = ["LIMIT", "TOOLS", "Part", "Reading", "Report", "read"]

LIMIT = 8 * 2**20  # characters; a JSON+ of fio with all its bins has one million

_READERS: Sequence[tuple[str, Callable[[str, Sequence[Any]], Report | None]]] = (
    ("fio", fio.read),
    ("iperf3", iperf3.read),
    ("pytest-benchmark", pytest_benchmark.read),
    ("fio", fio_terse.read),
    ("sysbench", sysbench.read),
    ("stress-ng", stress_ng.read),
    ("7z", seven_zip.read),
    ("openssl", openssl.read),
)
TOOLS = tuple(dict.fromkeys(name for name, _ in _READERS))


def read(text: str, workload: Workload | None = None) -> Report:
    """Return what the output of one of `TOOLS` says, else what the readings of `workload` find in it.

    Raises InputError: longer than `LIMIT`, of no known tool with no workload given, no result, more than 1000, or two
    different reports where nobody knows which one is meant.
    """
    if len(text) > LIMIT:
        raise InputError(f"The output has more than {LIMIT} characters.", "Split it.")
    try:
        decoded = list(islice(documents(text), MOST))
        for _, reader in _READERS:
            if found := reader(text, decoded):
                return found
    except RecursionError:
        raise InputError("The output is nested too deeply to be read.", "Import what the tool wrote.") from None
    if workload:
        return own.read(text, workload)
    remedy = f"Import the output of {', '.join(TOOLS)}, or of a workload that `vbench workloads` lists."
    raise InputError("The output is of no tool that vbench knows.", remedy)
