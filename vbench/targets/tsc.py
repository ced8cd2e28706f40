"""The rate of this host's time-stamp counter: under TCG a guest counts by the same one.

A microvm is told it, because it has no timer to count against but an emulated one that fails: "tsc: Unable to calibrate
against PIT", and then it hangs. Other guests find it by themselves (docs/decisions/starting-guests.md).
"""

import ctypes
import mmap
import platform
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

CODE = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
SECONDS = 0.1
TRIES = 5  # readings at each end, of which the quickest counts


@cache
def kilohertz() -> int | None:
    """Return the rate in kHz, good to some 20 ppm; None where there is no counter of constant rate."""
    if platform.machine() != "x86_64" or "constant_tsc" not in Path("/proc/cpuinfo").read_text().split():
        return None
    counter = _counter()
    before = _reading(counter)
    time.sleep(SECONDS)
    after = _reading(counter)
    return round((after[1] - before[1]) * 1e6 / (after[0] - before[0]))


def _reading(counter: Callable[[], int]) -> tuple[int, int]:
    """Return the nanoseconds of the monotonic clock and the counter at one moment."""

    def once() -> tuple[int, int, int]:
        start, count, end = time.monotonic_ns(), counter(), time.monotonic_ns()
        return end - start, (start + end) // 2, count

    return min(once() for _ in range(TRIES))[1:]


def _counter() -> Callable[[], int]:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    call = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    call.page = page  # type: ignore[attr-defined]  # the code must outlive the calls
    return call
