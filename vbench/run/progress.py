"""What runs now, what remains, and how long it will take: a bar on a terminal, plain lines in a log."""

import logging
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from vbench.run.plan import Step
from vbench.run.times import Times
from vbench.units import format_duration

QUIET = 30.0  # seconds between plain lines
_LOG = logging.getLogger("vbench")  # what hops say while something takes its time


class _Said(logging.Handler):
    """Says what is logged where the reporter says things."""

    def __init__(self, reporter: "Reporter") -> None:
        super().__init__(logging.INFO)
        self.reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """Say one line."""
        self.reporter.say(record.getMessage())


class Reporter:
    """Tells a person on `console` how `total` steps come along; a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.times = Times()
        self.done = 0
        self._started = time.monotonic()
        self._said = 0.0
        self._bar: Progress | None = None
        self._said_by_others = _Said(self)
        if console.is_terminal:
            words = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[left]}", markup=False)
            self._bar = Progress(BarColumn(20), *words, console=console, transient=True)
            self._task = self._bar.add_task("", total=total, left="")

    def __enter__(self) -> Self:
        _LOG.setLevel(logging.INFO)
        _LOG.addHandler(self._said_by_others)
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _LOG.removeHandler(self._said_by_others)
        if self._bar:
            self._bar.stop()

    def say(self, line: str) -> None:
        """Print one line above the bar, or into the log."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def doing(self, what: str) -> None:
        """Say what runs now, where no step counts: a boot, a preparation."""
        if self._bar:
            self._bar.update(self._task, description=what)

    def step(self, step: Step) -> None:
        """Say which step runs now."""
        what = f"boot {step.boot + 1}, block {step.block + 1}: {step.workload} on {step.target}"
        left = self.left()
        if self._bar:
            self._bar.update(self._task, description=what, left=left, completed=self.done)
        elif time.monotonic() - self._said > QUIET:
            self._said = time.monotonic()
            self.say(f"[{self.done}/{self.total}] {what}{f' ({left})' if left else ''}")

    def finished(self) -> None:
        """Count a step that is done."""
        self.done += 1

    def left(self) -> str:
        """Return the time that remains at the pace so far, in words."""
        with suppress(ZeroDivisionError):
            pace = (time.monotonic() - self._started) / self.done
            return f"{format_duration(pace * (self.total - self.done))} left"
        return ""
