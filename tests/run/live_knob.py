"""One knob of this machine, lent to one test at a time: two test runs may be under way."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

COMPACTION = Path("/proc/sys/vm/compaction_proactiveness")
ALLOWED = os.access(COMPACTION, os.W_OK)


@contextmanager
def borrowed(value: str) -> Iterator[Path]:
    """Lend the knob with a value in it, and put back what it held."""
    with Path(gettempdir(), "vbench-test-knob.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        original = COMPACTION.read_text()
        try:
            COMPACTION.write_text(value)
            yield COMPACTION
        finally:
            COMPACTION.write_text(original)
