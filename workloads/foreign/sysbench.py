r"""sysbench's text, 0.4, 0.5, 1.0 and 1.1: events per second, latencies, and what memory and fileio add.

Source: the sources and tests of sysbench 0.4.12, 0.5 and 1.0.20. The MB of 0.4 and 0.5 are MiB, and their cpu test
prints no rate. The spaces are never \s, which takes new lines along and so more time than a text is long.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from vbench.workloads.foreign.report import Part, Reading, Report, once, reading, report, text_of

TOOL = "sysbench"
_VERSION = re.compile(r"^sysbench (\d[\w.-]{0,40})", re.MULTILINE)
_PRINTED = re.compile(r"events(?: per second|/s \(eps\)):[ \t]+([\d.]{1,30})")
_TRANSACTIONS = re.compile(r"^[ \t]*transactions:[ \t]+\d+[ \t]+\(([\d.]{1,30}) per sec\.\)", re.MULTILINE)
_SECONDS = re.compile(r"^[ \t]*total time:[ \t]+([\d.]{1,30})s", re.MULTILINE)
_EVENTS = re.compile(r"^[ \t]*total number of events:[ \t]+(\d{1,30})", re.MULTILINE)
_MEMORY = re.compile(r"transferred \(([\d.]{1,30}) (?:MiB|MB)/sec\)")
_AVERAGE = re.compile(r"^[ \t]*avg:[ \t]+([\d.]{1,30})(?:ms)?[ \t\r]*$", re.MULTILINE)
_PERCENTILE = re.compile(
    r"^[ \t]*(?:approx\.[ \t]+)?(\d\d?)(?:th|st|nd|rd)? percentile:[ \t]+([\d.]{1,30})(?:ms)?[ \t\r]*$", re.MULTILINE
)
_FILES = re.compile(r"^[ \t]*(read|write)s/s:[ \t]+([\d.]{1,30})", re.MULTILINE)
_BYTES = re.compile(r"^[ \t]*(read|written), MiB/s:[ \t]+([\d.]{1,30})", re.MULTILINE)
_NEW_FILES = re.compile(r"^[ \t]*(read|write):[ \t]+IOPS=([\d.]{1,30}) ([\d.]{1,30}) MiB/s", re.MULTILINE)
_OLD_FILES = re.compile(r"^[ \t]*([\d.]{1,30}) Requests/sec executed", re.MULTILINE)
_OLD_BYTES = re.compile(r"Total transferred [\d.]+[A-Za-z]*[ \t]+\(([\d.]{1,30})([KMGT]?)b/sec\)")
_WAYS = {"read": "read", "written": "write"}
_SHIFT = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_NO_SETTING = re.compile(r"random number gen|following options|^Initializing|^Threads started|^$", re.IGNORECASE)


def read(text: str, _: Sequence[Any]) -> Report | None:
    """Return what sysbench says, None where it is something else. Raises InputError for several reports in one file."""
    versions = _VERSION.findall(text)
    if not versions or "Number of threads:" not in text:
        return None
    once(TOOL, len(versions))
    return report(TOOL, versions[0], _parts(text, _definition(text)))


def _definition(text: str) -> dict[str, str]:
    """Return the lines between the version and the start of the threads: they say how the test was set."""
    head = text.partition("Threads started!")[0]
    lines = [" ".join(line.split()) for line in head[head.find("sysbench") :].splitlines()[1:200]]
    kept = [line for line in lines if not _NO_SETTING.search(line)]
    return {text_of(key): text_of(value) for key, _, value in (line.partition(": ") for line in kept)}


def _parts(text: str, definition: dict[str, str]) -> Iterator[Part]:
    newer = _NEW_FILES.findall(text)
    pairs = [(way, rate) for way, rate, _ in newer] or _FILES.findall(text)
    rates = {way: rate for way, rate in pairs if float(_sound(rate))}
    amounts = {way: amount for way, _, amount in newer} or {_WAYS[way]: amount for way, amount in _BYTES.findall(text)}
    latencies = tuple(_latencies(text))
    for way, rate in rates.items():
        both = (reading("iops", rate), reading("bandwidth", amounts.get(way), 2**20))
        yield Part(way, both if len(rates) > 1 else both + latencies, definition)
    if not rates:
        yield Part("all", tuple(_whole(text)) + latencies, definition)


def _whole(text: str) -> Iterator[Reading]:
    if memory := _MEMORY.search(text):
        yield reading("bandwidth", memory[1], 2**20)
    elif files := _OLD_FILES.search(text):
        yield reading("iops", files[1])
        if amount := _OLD_BYTES.search(text):
            yield reading("bandwidth", amount[1], _SHIFT[amount[2]])
    else:
        printed = _PRINTED.search(text) or _TRANSACTIONS.search(text)
        yield reading("rate", printed[1] if printed else _quotient(text))


def _quotient(text: str) -> float | None:
    """Return events over time, where no rate is printed."""
    events, seconds = _EVENTS.search(text), _SECONDS.search(text)
    if not events or not seconds or not float(_sound(seconds[1])):
        return None
    return float(events[1]) / float(seconds[1])


def _latencies(text: str) -> Iterator[Reading]:
    """Yield the latencies that are above the 10 us that sysbench can print."""
    average, percentile = _AVERAGE.search(text), _PERCENTILE.search(text)
    if average and float(_sound(average[1])):
        yield reading("latency_mean", average[1], 1e-3)
    if percentile and float(_sound(percentile[2])):
        yield reading(f"latency_p{percentile[1]}", percentile[2], 1e-3, own=("s", "lower"))


def _sound(value: str) -> str:
    """Return the digits, or 0 for what only looks like a number: "1.2.3"."""
    return value if re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", value) else "0"
