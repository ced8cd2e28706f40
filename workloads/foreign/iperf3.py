"""iperf3's JSON, from 3.0 to 3.1x: the throughput that arrived, in each direction of the test.

Source: iperf's iperf_api.c and its issues 613 and 952 (-nan, keys that repeat with --bidir), 1688 (printed twice by
3.16 and 3.17). A UDP test of an old version has one "sum", in which the rate is what was sent. Since 3.17 --json-stream
writes an object for each event.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vbench.model import Failure
from vbench.workloads.foreign.report import Part, Reading, Report, at, number, once, reading, report, settings, text_of
from vbench.workloads.outputs import TWICE

TOOL = "iperf3"
WAYS = {"": "forward", "_bidir_reverse": "reverse"}
PLACES = frozenset({"gso", "gro", "gso_dg_size", "gro_bf_size"})  # what 3.1x adds of the kernel's doing


def read(_: str, documents: Sequence[Any]) -> Report | None:
    """Return what iperf3 says, None where it is something else. Raises InputError where it says two things."""
    streamed = {one["event"]: at(one, "data") for one in documents if isinstance(at(one, "event"), str)}
    whole = [*documents, *([streamed] if streamed else [])]  # --json-stream writes the parts one by one
    found = [one for one in whole if isinstance(one, dict) and "start" in one and ("end" in one or "error" in one)]
    if not found:
        return None
    once(TOOL, len({repr(one) for one in found}))  # == would find NaN different from itself
    document = found[0]
    start = at(document, "start")
    definition = settings(at(start, "test_start"), without=PLACES)
    version = at(start, "version")
    told = version.removeprefix("iperf ") if isinstance(version, str) else None
    return report(TOOL, told, _parts(document, definition))


def _parts(document: Any, definition: Mapping[str, str]) -> Iterator[Part]:
    error = at(document, "error")
    if error is not None:
        failure = Failure("job", f"iperf3 said: '{text_of(error)}'.")
        yield Part(WAYS[""], (reading("throughput", failure),), definition)
        return
    end = at(document, "end")
    udp = at(document, "start", "test_start", "protocol") == "UDP"
    ways = [suffix for suffix in WAYS if not suffix or at(end, f"sum_received{suffix}") is not None]
    for suffix in ways:
        yield Part(WAYS[suffix], tuple(_udp(end, suffix) if udp else _tcp(end, suffix)), definition)


def _tcp(end: Any, suffix: str) -> Iterator[Reading]:
    yield reading("throughput", at(end, f"sum_received{suffix}", "bits_per_second"), 1 / 8)


def _udp(end: Any, suffix: str) -> Iterator[Reading]:
    received = at(end, f"sum_received{suffix}")
    told = received if isinstance(received, dict) else at(end, f"sum{suffix}")
    lost, packets = number(at(told, "lost_packets")), number(at(told, "packets"))
    arrived = 1 - lost / packets if lost is not None and packets else None
    rate = at(told, "bits_per_second")
    if told is not received:  # what was sent: without a count of what was lost, nobody knows what arrived
        sent = number(rate)
        rate = None if sent is None or arrived is None else sent * arrived
    yield reading("throughput", TWICE if received is TWICE else rate, 1 / 8)
    yield reading("delivered", arrived, own=("1", "higher"))
    yield reading("jitter", at(told, "jitter_ms"), 1e-3, own=("s", "lower"))
