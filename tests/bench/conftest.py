"""Benchmarks print what they found, and write it to the file that VBENCH_PERFORMANCE names (`make bench`)."""

import os
import platform
from pathlib import Path

import pytest

from tests.bench.sides import Say

ROWS: list[tuple[str, str, str]] = []


@pytest.fixture
def say() -> Say:
    """Note a line of the page: what was measured, the figures, and what it is to reach."""

    def note(what: str, figures: str, goal: str) -> None:
        ROWS.append((what, figures, goal))
        print(f"\n{what}: {figures} (to reach: {goal})")  # noqa: T201 - a benchmark prints

    return note


def pytest_sessionfinish() -> None:
    """Write the page."""
    target = os.environ.get("VBENCH_PERFORMANCE")
    if not target or not ROWS:
        return
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    where = f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}, Python {platform.python_version()}"
    lines = ["# Performance", "", f"Written by `make bench` on {where}. Side by side, in turn, on one machine.", ""]
    lines += ["| what | found | to reach |", "|---|---|---|"]
    lines += [f"| {what} | {figures} | {goal} |" for what, figures, goal in ROWS]
    Path(target).write_text("\n".join(lines) + "\n")
