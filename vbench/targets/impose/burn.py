"""Burn an exact share of one CPU. Stdlib only; started by `slowdown`, stopped and continued by signals.

burn.py CPU SHARE: what it burns is measured by its own CPU clock over the time since it was started or continued, its
wake-ups included, so that a slice that comes late is made up for. It is real-time where it may be.
"""

import os
import sys
import time
from contextlib import suppress

PERIOD = 0.02  # seconds between slices: each costs two context switches beyond what the clock sees
GAP = 5 * PERIOD  # a longer pause means that it was stopped: nothing is owed for that time


def burn(share: float) -> None:
    """Burn until killed."""
    wall, spent = time.monotonic(), time.thread_time()
    seen = wall
    while True:
        now = time.monotonic()
        if now - seen > GAP:
            wall, spent = now, time.thread_time()
        seen = now
        while time.thread_time() - spent < share * (time.monotonic() - wall):
            pass
        time.sleep(PERIOD - (time.monotonic() - wall) % PERIOD)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    with suppress(PermissionError):  # some control groups grant it to nobody
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    burn(float(sys.argv[2]))
