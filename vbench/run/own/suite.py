"""`vbench run --pytest`: every benchmark of an existing pytest-benchmark suite as a workload, the suite unchanged.

The suite travels as one archive and is unpacked once in an instance. A job runs one benchmark by the pytest and the
pytest-benchmark of the image, and what they write is the job's output.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from vbench.errors import InputError, VbenchError
from vbench.image import check, find
from vbench.ledger import Ledger
from vbench.model import BARE, Missing
from vbench.run import jobs
from vbench.run.machine import machine
from vbench.run.own import luggage
from vbench.run.own.command import named
from vbench.run.own.text import literal, made
from vbench.run.plan import PROFILES
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.pipe import printable_lines
from vbench.targets.place import Settings
from vbench.workloads import Reading, Workload, expand
from vbench.workloads.foreign.pytest_benchmark import MEDIAN
from vbench.workloads.foreign.report import LARGEST, MOST, SMALLEST

FAMILY = "pytest"
ARCHIVE, RUNNER = "suite.tar", "in_target.py"
TRAVELLING = 256 * 2**20  # bytes of the archive times the benchmarks: each brings it along
_LONGEST = 500  # characters of a test's name
_SHORT = 100  # of it in the workload's name
_REMEDY = "Bring what it imports in a folder: `pip install --target FOLDER PACKAGE`, then --site FOLDER."
_UNPACK = 'test -d "$2" || { mkdir "$2.new" && tar -x -f "$1" -C "$2.new" && mv "$2.new" "$2"; } && rm "$1"'


@dataclass(frozen=True)
class Suite:
    """The benchmarks as workloads, and the files of tests that cannot be collected, with the reason."""

    workloads: tuple[Workload, ...]
    left_out: Mapping[str, Sequence[Missing]]


class _Listing(msgspec.Struct):
    """What pytest found in a target: names of benchmarks, and why a file could not be collected."""

    benchmarks: list[str]
    troubles: dict[str, str]


def suite(
    folder: Path, sites: Sequence[Path], timeout: int, catalogue: Catalogue, ledger: Ledger, settings: Settings
) -> Suite:
    """Return the suite of a folder; `sites` are folders with what it imports, `timeout` is that of a job in seconds.

    Raises InputError: a folder that cannot be packed, a wheel that is not pure Python, no benchmark found.
    """
    numbered = {f"site/{number}": site for number, site in enumerate(sites)}
    archive = luggage.pack({"suite": folder, **numbered})
    brought = _Brought(archive, ("suite", *_importable(numbered)), timeout)
    collecting = brought.workload("collect", "Collects.", "list")
    found = _collected(collecting, catalogue, ledger, settings)
    if not found.benchmarks:
        reason = next(iter(found.troubles.values()), "no test there asks for the fixture `benchmark`")
        raise InputError(f"'{folder}' holds no benchmark that pytest finds in the image: {reason}.", _REMEDY)
    if len(archive) * len(found.benchmarks) > TRAVELLING or len(found.benchmarks) > MOST:
        many = f"'{folder}' with what it imports has {len(archive)} bytes and {len(found.benchmarks)} benchmarks"
        raise InputError(f"{many}, more than can travel.", "Name a folder inside, or bring less of what it imports.")
    lacking = {
        f"{FAMILY}:{place}": [Missing(f"what it needs ({reason})", "bring what it imports by --site")]
        for place, reason in found.troubles.items()
    }
    return Suite(tuple(_benchmarks(found.benchmarks, brought)), lacking)


@dataclass(frozen=True)
class _Brought:
    """The suite's archive, the folders and wheels in it that Python is to import from, and the time for a job."""

    archive: bytes
    paths: tuple[str, ...]
    timeout: int

    def workload(self, name: str, summary: str, *words: str) -> Workload:
        """Return the workload that runs in_target.py with the suite's folder behind the first of these words."""
        home = f"{{shared}}/{sha256(self.archive).hexdigest()}"
        python = ["env", "PYTHONPATH=" + ":".join(f"{home}/{literal(path)}" for path in self.paths), "python3"]
        argv = [*python, f"{{work}}/{RUNNER}", words[0], f"{home}/suite", *words[1:]]
        head = {
            "name": f"{FAMILY}.{name}",
            "summary": summary,
            "measures": "The median round of a benchmark of the user's suite, as pytest-benchmark gives it.",
            "exercises": "Whatever the benchmark does.",
            "working_set": "Unknown.",
            "voids": "Unknown: a suite of the user's own.",
            "source": "vbench run --pytest",
            "tags": [FAMILY],
            "needs": ["disk"],
        }
        unpack = ["sh", "-c", literal(_UNPACK), "sh", f"{{work}}/{ARCHIVE}", home]
        steps = {
            "prepare": {"argv": unpack, "timeout": self.timeout},
            "job": {"argv": argv, "timeout": self.timeout},
        }
        metric = Reading(name="duration", unit="s", better="lower", json=MEDIAN, low=SMALLEST, high=LARGEST)
        runner = Path(__file__).with_name(RUNNER).read_bytes()
        return made(head, steps, [metric], {ARCHIVE: self.archive, RUNNER: runner})


def _importable(sites: Mapping[str, Path]) -> Iterator[str]:
    """Yield the names in the archive of folders with packages and of wheels; InputError for a wheel that is compiled.

    Python imports pure Python from a wheel as it is, and compiled code from files only.
    """
    for name, site in sites.items():
        yield name
        for wheel in sorted(site.glob("*.whl")):
            if not wheel.stem.endswith("-none-any"):
                raise InputError(f"'{wheel}' is not pure Python.", "Unpack it: `pip install --target FOLDER WHEEL`.")
            yield f"{name}/{wheel.name}"


def _benchmarks(nodes: Sequence[str], brought: _Brought) -> Iterator[Workload]:
    """Yield a workload for each benchmark; names that are alike but for their punctuation are numbered."""
    counts: Counter[str] = Counter()
    for node in nodes:
        name = named(node.replace(".py::", "-"), _SHORT)
        counts[name] += 1
        number = f"_{counts[name]}" if counts[name] > 1 else ""  # no name has an underscore of its own
        yield brought.workload(f"{name}{number}", node, "run", literal(node))


def _collected(workload: Workload, catalogue: Catalogue, ledger: Ledger, settings: Settings) -> _Listing:
    """Let pytest list the suite in an instance of bare; what it says is checked like everything from a target."""
    image = find(None)
    check(image)
    with ExitStack() as stack:
        host = stack.enter_context(machine(image, ledger, settings.cpus, wired=False))
        place = stack.enter_context(host.place(BARE))
        instance = stack.enter_context(open_target(catalogue.target(BARE), place, settings, ledger))
        setting = jobs.Setting(PROFILES["smoke"], settings, instance, "")
        jobs.prepare(workload, instance, setting)
        argv = expand(workload.job.argv, setting.values(workload, instance, 0))
        folder = jobs.work_folder(workload, instance)
        outcome = instance.pipe.exec(argv, timeout=workload.job.timeout, env=jobs.environment(), cwd=folder)
    if not outcome.ok:
        raise InputError(f"pytest cannot list the suite: it {outcome.complaint()}.", _REMEDY)
    try:
        listing = msgspec.json.decode(outcome.stdout, type=_Listing)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise VbenchError(f"What pytest listed cannot be read: {error}.", "Run `vbench run --pytest` again.") from None
    odd = [node for node in listing.benchmarks if len(node) > _LONGEST or not node.isprintable()]
    troubles = listing.troubles | dict.fromkeys(odd, "its name is too long, or cannot be printed")
    said = {_said(place): _said(reason) for place, reason in troubles.items()}
    return _Listing([node for node in listing.benchmarks if node not in odd], said)


def _said(text: str) -> str:
    """Return one printable line of what a target said."""
    return " ".join(printable_lines(text))[:_LONGEST]
