"""A small, whole workload, which each test spoils in its own way."""

from collections.abc import Callable, Iterator

import pytest

from tests.workloads.bench import Bench, opened
from vbench.image import Image
from vbench.workloads import Workload, load

PATH = "some/where/app/sort.toml"
TEXT = """\
name = "app.sort"
version = 1
summary = "Sorting."
measures = "How long it takes."
exercises = "The CPU."
working_set = "A file."
voids = "Other load."
source = "Ours."
tags = ["example"]
needs = ["disk"]
files = ["sort.py"]

[prepare]
argv = ["touch", "{data}/numbers"]
timeout = 10

[job]
argv = ["python3", "{work}/sort.py", "{data}/numbers", "{seconds}"]
timeout = 60

[[metrics]]
name = "duration"
unit = "s"
better = "lower"
json = 'runs[0]."99.0"'
scale = 1e-3
low = 1e-3
high = 1e3

[[metrics]]
name = "rate"
unit = "1/s"
better = "higher"
pattern = '^rate: ([0-9.]+)$'
low = 1.0
high = 1e6
"""
FILES = {"sort.py": b"print()"}

Spoil = Callable[..., Workload]


@pytest.fixture
def spoil() -> Spoil:
    """Return the loader of the workload in which the first `old` has become `new`."""

    def loader(old: str = "", new: str = "", path: str = PATH) -> Workload:
        assert old in TEXT
        return load(TEXT.replace(old, new, 1), path, FILES.__getitem__)

    return loader


@pytest.fixture(scope="module")
def bench(image: Image) -> Iterator[Bench]:
    """One bare instance with its peer for all the jobs of a file."""
    with opened(image) as bench:
        yield bench
