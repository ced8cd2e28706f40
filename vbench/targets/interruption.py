"""What an operation on a running guest costs it: by our clock, by QEMU's own account, and by the guest's clock.

A guest's clock stands still while its CPUs do, so that alone it would call the longest stop a short one. A job in the
guest therefore gives a sign of life every millisecond, on the console: that leads only outwards, so that nothing is
lost where the guest moves to another QEMU, and the agent's pipe is silent meanwhile, as it must be.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

from vbench.errors import JobError, TargetError
from vbench.targets.bare import PATH
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON

REPORT = "/run/vbench/ticks"
READY = "ticking"
SECONDS = 30.0  # within which a sign of life must come
IDLE = 0.002
# Its argument is the file for the longest gap by the guest's monotonic clock, in seconds.
TICKER = f"""
import os, sys, time
console = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
report = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
print("{READY}", flush=True)
longest, last = 0.0, time.monotonic()
while True:
    os.write(console, b"\\0")
    time.sleep(0.001)
    now = time.monotonic()
    if now - last > longest:
        longest = now - last
        os.pwrite(report, b"%015.9f" % longest, 0)
    last = now
"""


@dataclass(frozen=True)
class Interruption:
    """What an operation took, in seconds.

    `total` runs from the command until the guest is as it was asked to be. `downtime` is how long its CPUs stood still
    by the count of those who stopped them, 0 where nobody did. `seen` is the longest silence of a job that gives a sign
    of life every millisecond, by our clock; `felt` is the same by the guest's own, which does not count such a stop.
    """

    total: float
    downtime: float
    seen: float
    felt: float


@contextmanager
def watched(pipe: Pipe) -> Iterator["Watch"]:
    """Let a guest give signs of life; `handle` of the watch may become that of another job, which is then ended."""
    argv = [*PYTHON, "-c", TICKER, REPORT]
    handle = pipe.start(argv, until=READY, timeout=SECONDS, env={"PATH": PATH}, cwd="/")
    watch = Watch(pipe, handle)
    try:
        yield watch
    finally:
        with suppress(TargetError, JobError):  # the guest may be lost, which is said already
            pipe.stop(watch.handle)


class Watch:
    """A guest that gives signs of life, as a job of the given handle in it."""

    def __init__(self, pipe: Pipe, handle: int) -> None:
        self.pipe, self.handle = pipe, handle
        self.first = pipe.console
        self.began = time.monotonic()
        self._await_tick(self.began)

    def end(self, total: float, downtime: float = 0.0) -> Interruption:
        """Wait for one more sign of life and return what was seen and felt beside what is known already.

        Raises TargetError where the guest is silent for `SECONDS`, or says something that is no time.
        """
        self._await_tick(time.monotonic())
        consoles = {self.first, self.pipe.console}  # a guest that moved has left one behind
        ticks = sorted(tick for console in consoles for tick in console.ticks if tick >= self.began)
        seen = max(later - earlier for earlier, later in pairwise(ticks))
        return Interruption(total, downtime, seen, self._felt())

    def _await_tick(self, after: float) -> None:
        deadline = time.monotonic() + SECONDS
        while self.pipe.console.last_tick() <= after:
            if self.pipe.process.poll() is not None:
                raise self._lost("died")
            if time.monotonic() > deadline:
                raise self._lost(f"gave no sign of life within {SECONDS:.0f} s")
            time.sleep(IDLE)

    def _felt(self) -> float:
        try:
            gap = float(self.pipe.get(REPORT, limit=64))
        except ValueError:
            gap = math.nan
        if not 0 < gap < math.inf:
            raise self._lost("says of its clock what is no time")
        return gap

    def _lost(self, what: str) -> TargetError:
        return TargetError(f"The guest '{self.pipe.name}' {what}.", console=self.pipe.console.last())
