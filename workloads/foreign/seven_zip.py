"""7-Zip's benchmark, `7z b`, of 7-Zip and p7zip since 9.20: compressing and decompressing.

Source: Bench.cpp. The averages end with the rating in MIPS; newer versions put the speed in KiB/s before.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from vbench.workloads.foreign.report import Part, Reading, Report, once, reading, report, text_of

TOOL = "7z"
_VERSION = re.compile(r"^7-Zip +(?:[\[(][^\])\n]{1,40}[\])] +)*(\d+\.\d+)", re.MULTILINE)
_AVERAGE = re.compile(r"^Avr:((?: +(?:\d+|\|)){6,9})[ \t\r]*$", re.MULTILINE)
_THREADS = re.compile(r"# Benchmark threads: +(\d+)")
_DICTIONARY = re.compile(r"^(\d+): +\d", re.MULTILINE)
_COLUMNS = (3, 4)  # usage, rating at full usage, rating; with the speed before them


def read(text: str, _: Sequence[Any]) -> Report | None:
    """Return what `7z b` says, None where it is something else. Raises InputError for several reports in one file."""
    version = _VERSION.search(text)
    averages = _AVERAGE.findall(text)
    if not version or not averages:
        return None
    once(TOOL, len(averages))
    numbers = averages[0].replace("|", " ").split()
    threads = _THREADS.search(text)
    definition = {"dictionaries": text_of(" ".join(_DICTIONARY.findall(text)[:100]))}
    definition |= {"threads": threads[1]} if threads else {}
    half = len(numbers) // 2
    sides = {"compress": numbers[:half], "decompress": numbers[half:]}
    return report(TOOL, version[1], (Part(name, tuple(_side(side)), definition) for name, side in sides.items()))


def _side(numbers: Sequence[str]) -> Iterator[Reading]:
    known = len(numbers) in _COLUMNS
    yield reading("rate", numbers[-1] if known else None, 1e6)
    if len(numbers) == _COLUMNS[1]:
        yield reading("bandwidth", numbers[0], 1024)
