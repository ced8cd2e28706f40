"""What a workload's TOML file may say; docs/workloads-format.md is its description for users.

Each class is a table of the file and its fields are the keys. `Workload` adds what was read beside it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal

import jmespath
import regex
from annotated_types import Gt, Lt, MinLen

from vbench import forms
from vbench.forms import require
from vbench.model import Better, Metric
from vbench.workloads.argv import PLACEHOLDERS, expand, used

Unit = Literal["1/s", "B/s", "s", "B", "J", "W", "1"]
Need = Literal["disk", "network"]
Side = Literal["target", "peer"]
State = Literal["cached", "cold", "restored"]

# One name for one thing, so that tables, exports and imports agree (DESIGN.md).
KNOWN: Mapping[str, tuple[Unit, Better]] = {
    "rate": ("1/s", "higher"),
    "bandwidth": ("B/s", "higher"),
    "iops": ("1/s", "higher"),
    "latency_p50": ("s", "lower"),
    "latency_p99": ("s", "lower"),
    "latency_p999": ("s", "lower"),
    "latency_mean": ("s", "lower"),
    "throughput": ("B/s", "higher"),
    "duration": ("s", "lower"),
    "size": ("B", "lower"),
    "packets": ("1/s", "higher"),
    "loss": ("1", "lower"),
    "cpu_per_work": ("s", "lower"),
    "energy_per_work": ("J", "lower"),
}
_NEEDED: Mapping[str, Need] = {"data": "disk", "shared": "disk", "peer": "network"}
_FIRST = frozenset({"cpus", "memory", "seconds"})  # what the first job of a new instance may name
NAME = re.compile(r"[a-z][a-z0-9_-]*\.[a-z0-9][a-z0-9_-]*")
_METRIC = re.compile(r"[a-z][a-z0-9_]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command line with placeholders and the whole seconds after which it counts as failed."""

    __pydantic_config__: ClassVar = forms.STRICT

    argv: Annotated[tuple[str, ...], MinLen(1)]
    timeout: Annotated[int, Gt(0)]

    def __post_init__(self) -> None:
        expand(self.argv, PLACEHOLDERS)
        require(
            "\0" not in "".join(self.argv) and self.argv[0] != "",
            f"The argv that begins with '{self.argv[0]}' names no program or holds a NUL.",
            "Write the program's name first.",
        )


@dataclass(frozen=True, kw_only=True)
class Server(Step):
    """Runs for the duration of one job, on the peer, which is outside the target, unless `where` says otherwise.

    The job starts once a line of the server's standard output contains `until`; `timeout` limits the wait for it.
    """

    until: Annotated[str, MinLen(1)]
    where: Side = "peer"


@dataclass(frozen=True, kw_only=True)
class Job(Step):
    """The timed step. On the peer it is the client of a server in the target."""

    where: Side = "target"


@dataclass(frozen=True, kw_only=True)
class Density:
    """Instances are added up to `most`, while a round trip to all of them holds the service level.

    `level` is its 99th percentile in seconds, `reserve` the bytes of memory that the host keeps available; with `ksm`
    the kernel merges equal pages meanwhile.
    """

    __pydantic_config__: ClassVar = forms.STRICT

    most: Annotated[int, Gt(1), Lt(100)]
    level: Annotated[float, Gt(0)]
    reserve: Annotated[int, Gt(0)]
    ksm: bool = False


@dataclass(frozen=True, kw_only=True)
class Opening:
    """An instance of the workload's own is started for every iteration, and the job is the first in it.

    It starts from the host's page cache, from its disk, or from a memory snapshot where the target can. What the host
    found, as JSON, is what the metrics are read from.
    """

    __pydantic_config__: ClassVar = forms.STRICT

    state: State
    density: Density | None = None

    def __post_init__(self) -> None:
        fits = self.density is None or self.state == "cached"
        require(fits, f"Instances for their density are not '{self.state}'.", 'Write state = "cached".')


@dataclass(frozen=True, kw_only=True)
class Reading(Metric):
    """A metric and where it stands in the job's standard output, or `clock`: the job's duration by the target's clock.

    `json` is a JMESPath expression that gives one number, `pattern` a regular expression whose single group is one
    and which occurs once. The number times `scale` is in `unit`; outside of `low` to `high` it is a failure, but for an
    exact 0 where `zero` says that this is an honest value.
    """

    __pydantic_config__: ClassVar = forms.STRICT

    unit: Unit
    json: str | None = None
    pattern: str | None = None
    clock: bool = False
    scale: Annotated[float, Gt(0)] = 1.0
    low: Annotated[float, Gt(0)]
    high: float

    def __post_init__(self) -> None:
        of = f"The metric '{self.name}'"
        require(bool(_METRIC.fullmatch(self.name)), f"{of} is no name.", "Use small letters, digits and '_'.")
        unit, better = KNOWN.get(self.name, (self.unit, self.better))
        known = f"'{self.name}' is always in '{unit}', {better} is better"
        require((unit, better) == (self.unit, self.better), f"{known}.", "Say so, or choose another name.")
        good = f"{of} may be 0, and more of it is better."
        require(not self.zero or self.better == "lower", good, "Measure what is lacking, of which 0 is the best.")
        require(self.low < self.high < inf, f"{of} has no range between 'low' and 'high'.", "Make low less than high.")
        require(self.scale < inf, f"{of} has an infinite scale.", "Write what turns the number into the unit.")
        sources = (self.json is not None, self.pattern is not None, self.clock)
        require(sum(sources) == 1, f"{of} needs one source.", "Give 'json' or 'pattern', or say clock = true.")
        timed = (self.unit, self.better, self.scale) == ("s", "lower", 1.0)
        require(timed or not self.clock, f"{of} is no time by the clock.", "Use unit 's', better 'lower', no scale.")
        self._compiles()

    def _compiles(self) -> None:
        try:
            groups = regex.compile(self.pattern).groups if self.pattern is not None else 1
            jmespath.compile(self.json or "@")
        except (regex.error, jmespath.exceptions.JMESPathError) as error:
            wrong = f"The source of the metric '{self.name}' cannot be read: {' '.join(str(error).split())}."
            require(False, wrong, "Mend 'pattern' (a regular expression) or 'json' (a JMESPath expression).")
        one = f"The pattern of the metric '{self.name}' has {groups} groups instead of one."
        require(groups == 1, one, "Put the number in (...), everything else that needs one in (?:...).")


@dataclass(frozen=True, kw_only=True)
class Form:
    """The whole file. Texts are for people; `needs` is what the session must provide."""

    __pydantic_config__: ClassVar = forms.STRICT

    name: str
    version: Annotated[int, Gt(0)]
    summary: Annotated[str, MinLen(1)]
    measures: Annotated[str, MinLen(1)]
    exercises: Annotated[str, MinLen(1)]
    working_set: Annotated[str, MinLen(1)]
    voids: Annotated[str, MinLen(1)]
    source: Annotated[str, MinLen(1)]
    tags: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    files: tuple[str, ...] = ()
    prepare: Step | None = None
    server: Server | None = None
    instance: Opening | None = None
    job: Job
    metrics: Annotated[tuple[Reading, ...], MinLen(1)]

    def __post_init__(self) -> None:
        require(
            bool(NAME.fullmatch(self.name)),
            f"'{self.name}' is no name of a workload.",
            "Write family.name in small letters, digits, '_' and '-'.",
        )
        for name in self.files:
            require(bool(_FILE.fullmatch(name)), f"'{name}' is no file beside it.", "Name files without a folder.")
        for kind, names in (("metric", [metric.name for metric in self.metrics]), ("file", list(self.files))):
            twice = next((name for name in names if names.count(name) > 1), None)
            require(twice is None, f"The {kind} '{twice}' is there twice.", "Keep one of them.")
        self._provided()
        if self.instance:
            self._fresh()

    def _provided(self) -> None:
        steps = [step for step in (self.prepare, self.server, self.job) if step]
        wanted = {_NEEDED[name]: f"'{{{name}}}'" for step in steps for name in used(step.argv) & _NEEDED.keys()}
        if self.server and (self.server.where, self.job.where) != ("target", "target"):
            wanted["network"] = "The server"
        lone = self.job.where == "target" or (self.server is not None and self.server.where == "target")
        require(lone, "The job is on the peer, and no server is in the target.", "Give 'server' where = \"target\".")
        for need, who in wanted.items():
            require(need in self.needs, f"{who} wants '{need}', which 'needs' lacks.", f"Add '{need}' to 'needs'.")

    def _fresh(self) -> None:
        """Nothing is prepared in an instance whose start is measured."""
        given = [key for key in ("prepare", "server", "files", "needs") if getattr(self, key)]
        key = given[0] if given else ""
        require(not given, f"'{key}' cannot be had with 'instance'.", f"Remove '{key}': the instance is a new one.")
        others = sorted(used(self.job.argv) - _FIRST)
        named = f"'{{{others[0]}}}'" if others else ""
        require(not others, f"{named} means nothing in a new instance.", f"Use {', '.join(sorted(_FIRST))} alone.")
        text = next((metric.name for metric in self.metrics if metric.json is None), None)
        require(text is None, f"The metric '{text}' is not read from JSON.", "Give 'json': the findings are JSON.")


@dataclass(frozen=True, kw_only=True)
class Workload(Form):
    """A workload as read: the form, its text and the bytes of its files by name."""

    path: str
    text: str = field(repr=False)
    contents: Mapping[str, bytes] = field(repr=False)

    @property
    def family(self) -> str:
        """The part of the name before the dot: the folder."""
        return self.name.partition(".")[0]

    @property
    def digest(self) -> str:
        """SHA-256 of the file and the files beside it: equal digests mean the same job read in the same way."""
        parts = [
            self.text.encode(),
            *(part for name in sorted(self.files) for part in (name.encode(), self.contents[name])),
        ]
        return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def load(text: str, path: str, read: Callable[[str], bytes]) -> Workload:
    """Return the workload that the TOML text describes; `read` gives the bytes of a file beside it.

    `path` names the file in errors, and its last two parts must be `family/name.toml`. Raises InputError for whatever
    is wrong with the text, and what `read` raises.
    """
    form = forms.read(Form, text, path)
    family, _, name = form.name.partition(".")
    require(
        PurePath(path).parts[-2:] == (family, f"{name}.toml"),
        f"'{path}' calls its workload '{form.name}'.",
        f"Save it as '{family}/{name}.toml', or name it after its folder and file.",
    )
    contents = {file: read(file) for file in form.files}
    return Workload(**vars(form), path=path, text=text, contents=contents)
