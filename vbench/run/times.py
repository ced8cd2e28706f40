"""Where the wall time of a run goes: seconds by what was being done, each second counted once."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

JOBS, WARMUPS = "jobs", "warm-ups"
OTHER = "the rest"


class Times:
    """A stopwatch with a stack: what is done inside something else is taken from it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._stack = [OTHER]
        self._since = time.monotonic()

    @contextmanager
    def spent(self, what: str) -> Iterator[None]:
        """Count the time inside the context as spent on `what`."""
        self._turn()
        self._stack.append(what)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def seconds(self) -> Mapping[str, float]:
        """Return the seconds so far, by what they were spent on."""
        self._turn()
        return dict(self._seconds)

    def _turn(self) -> None:
        now = time.monotonic()
        self._seconds[self._stack[-1]] += now - self._since
        self._since = now
