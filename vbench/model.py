"""The vocabulary as frozen dataclasses. Base units everywhere: seconds, bytes, 1/s."""

import re
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]
Level = Literal["silicon", "firmware-enabled", "kernel-enabled", "permitted", "proven"]
Blame = Literal["host", "target", "job"]
Value = str | int | float

BARE = "bare"
CONTROL = "bare2"  # its A/A control: bare under a second name
SECOND = "#2"  # behind the name of any other target: the same once more
_OPTION = re.compile(r":[a-z][a-z0-9-]*=")


@dataclass(frozen=True)
class Fact:
    """What a probe says of a snapshot. `value` may be yes, no, unknown, not-permitted, a number or a string."""

    key: str
    value: Value
    unit: str | None = None
    level: Level | None = None
    source: str = ""
    fix: str | None = None


@dataclass(frozen=True)
class Metric:
    """A named number with a unit and a direction. `tail` marks a quantile far from the median (p99, p99.9).

    `zero` marks a number that may honestly be 0, such as a loss: it is shown, and no ratio of it is formed.
    """

    name: str
    unit: str
    better: Better
    tail: bool = False
    zero: bool = False


@dataclass(frozen=True)
class Failure:
    """Why there is no number: whose fault it is and one sentence."""

    blame: Blame
    message: str


@dataclass(frozen=True)
class Sample:
    """One metric of one iteration of one block of one instance.

    `value` is in the metric's base unit, None exactly where `failure` says why. `raw` is the file of the job's raw
    output inside the bundle, `instance` the boot or creation that it came from, `zero` that of the metric.
    """

    workload: str
    metric: str
    unit: str
    better: Better
    target: str
    instance: str
    boot: int
    block: int
    iteration: int
    value: float | None
    warmup: bool = False
    raw: str = ""
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    zero: bool = False


@dataclass(frozen=True)
class Difference:
    """A fact that differs between bare and the target and may explain a difference in cost."""

    fact: str
    bare: Value
    target: Value


@dataclass(frozen=True)
class Cell:
    """A workload's metric on a target: one row of `vbench show --format json` (DESIGN.md).

    `value` is the geometric mean over boots of the boot's geometric mean over blocks, in `unit`; of a metric that may
    be 0 it is the arithmetic one. `ratio` is
    cost(target) / cost(bare): above 1 is slower. `low`, `high` and `mde` are None where one boot is all there is;
    `ratio` is None where it is withheld.
    """

    workload: str
    metric: str
    unit: str
    better: Better
    target: str
    accelerator: str | None
    boots: int
    value: float | None
    ratio: float | None
    low: float | None
    high: float | None
    confidence: float
    mde: float | None
    verdict: str
    comparable: bool
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """Something that a target needs and this machine lacks, with the fix in one line."""

    what: str
    fix: str


def control_of(baseline: str | None) -> str | None:
    """Return the name of the A/A control of a baseline: the same target under a second name.

    >>> control_of("bare"), control_of("ssh:lab7"), control_of(None)
    ('bare2', 'ssh:lab7#2', None)
    """
    return CONTROL if baseline == BARE else baseline and f"{baseline}{SECOND}"


def depth(target: str) -> int:
    """Return how many hops of a target's path lie inside another; a '/' in its options is none.

    >>> depth("kvm:kernel=/boot/vmlinux"), depth("ssh:lab7/kvm"), depth("kvm/kvm/bwrap")
    (0, 1, 2)
    """
    return _OPTION.split(target, maxsplit=1)[0].count("/")
