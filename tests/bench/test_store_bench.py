"""How fast a large store is compared: ten million samples in a hundred sealed bundles, with and without the index."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
import pytest

from tests.bench.big import big_run, size
from tests.bench.sides import Say
from vbench import paths
from vbench.model import Sample
from vbench.store import lines, seal

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
RUNS, KINDS = 100, 4  # bundles, and how many of them have samples of their own
WORKLOADS = [f"disk.job{number}" for number in range(5)]
ITERATIONS = 17
SAMPLES = size(WORKLOADS, ITERATIONS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of ten million samples; returns the folder for XDG_DATA_HOME."""
    home = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        kinds = [big_run(number, WORKLOADS, ITERATIONS) for number in range(KINDS)]
        for number in range(KINDS, RUNS):
            folder = paths.runs() / f"run-{number:03d}"
            shutil.copytree(kinds[number % KINDS].folder, folder)
            head = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps({**head, "created": head["created"] + 86400 * number}))
            (folder / seal.NAME).unlink()
            seal.seal(folder)
        yield home
    shutil.rmtree(home)


TIMED = """
import resource, sys
from vbench.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, code, file=sys.stderr)
"""


def timed(store: Path, *argv: str) -> tuple[float, float, float]:
    """Return the seconds of a whole command, those that it computed, and its peak memory in MiB."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", TIMED, *argv],
        check=True,
        capture_output=True,
        text=True,
        env={"XDG_DATA_HOME": str(store), "PATH": "/usr/bin:/bin", "HOME": str(store)},
    )
    seconds = time.perf_counter() - started
    memory, computed, code = done.stderr.split()
    assert code in {"0", "3"}, done.stdout
    return seconds, float(computed), float(memory)


def told(found: list[tuple[float, float, float]]) -> str:
    """Return the median of the seconds, and of those that were computed: others may share the machine."""
    return f"{median(s for s, *_ in found):.2f} s ({median(c for _, c, _ in found):.2f} s of CPU)"


COMMANDS = {"compare": ("compare", "run-000", "run-099"), "history": ("history", WORKLOADS[0])}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_large_store_is_compared(store: Path, say: Say, name: str) -> None:
    cold, warm = [], []
    for _ in range(3):
        for file in (store / "vbench").glob("index.sqlite*"):
            file.unlink()
        cold.append(timed(store, *COMMANDS[name]))
        warm += [timed(store, *COMMANDS[name]) for _ in range(3)]
    seconds = f"{told(cold)} cold, {told(warm)} from the index"
    memory = f"{max(m for *_, m in cold + warm):.0f} MiB"
    what = f"vbench {name}, {RUNS * SAMPLES} samples in {RUNS} bundles"
    say(what, f"{seconds}, {memory}", "5 s cold, 1 s from the index, 1 GiB")


def test_samples_are_read_quickly(store: Path, say: Say) -> None:
    file = store / "vbench/runs/run-000/samples.jsonl"

    def plain() -> float:
        started = time.perf_counter()
        with file.open() as source:
            for line in source:
                found = json.loads(line)
                Sample(**{**found, "warnings": tuple(found["warnings"])})
        return time.perf_counter() - started

    def ours() -> float:
        started = time.perf_counter()
        assert sum(1 for _ in lines.read(file, Sample)) == SAMPLES
        return time.perf_counter() - started

    pairs = [(ours(), plain()) for _ in range(3)]
    rate = SAMPLES / median(a for a, _ in pairs)
    figures = f"{rate:.3g} samples/s, {median(b / a for a, b in pairs):.1f} times json"
    say(f"samples read and checked with msgspec {msgspec.__version__}", figures, "the rate of a run's own end")
