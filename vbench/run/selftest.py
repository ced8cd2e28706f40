"""Known overheads imposed on the real path of this machine, and what an ordinary run finds of them.

One run for each workload, over bare, its control and the targets that bear an overhead; nothing here measures. What is
found is judged from the run's samples by the statistics of every other run. docs/selftest.md has what is imposed how.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import Literal

from vbench.model import BARE, CONTROL, Sample
from vbench.run.execute import Request, wired_only
from vbench.run.plan import Profile
from vbench.stats.estimate import estimate, natural
from vbench.stats.many import bonferroni
from vbench.stats.series import gather
from vbench.targets.catalogue import Catalogue
from vbench.targets.place import Settings
from vbench.units import format_value
from vbench.workloads import Workload

Kind = Literal["ratio", "value", "added"]
Outcome = Literal["found", "missed", "inconclusive", "not imposed"]
SECONDS = 2  # of a job: a quota's first slice and a bucket's first filling are free
CONFIDENCE = 0.95  # that every interval of a self-test holds its truth
PAYLOAD, FRAME = 1448, 1514  # bytes of TCP with time stamps in a full Ethernet frame: what arrives of what tbf counts
IO, NETWORK, QUOTA, DELAY, SLOWDOWN, NOTHING = 0.01, 0.01, 0.03, 0.02, 0.005, 0.005
EXIT = {"missed": 1, "inconclusive": 3, "found": 0}  # the worst that was found; 4 where nothing could be imposed
EMPTY = 4


@dataclass(frozen=True)
class Trial:
    """One overhead and its truth.

    A `ratio` is cost(target) / cost(`against`), a `value` the metric itself in base units, and `added` the difference
    to the metric on `against`. `tolerance` is the share of the truth by which the imposition itself may be off.
    """

    what: str
    target: str
    workload: str
    metric: str
    kind: Kind
    truth: float
    tolerance: float
    against: str = BARE


@dataclass(frozen=True)
class Finding:
    """What became of a trial. `low` and `high` hold for all trials together; None where there is no interval."""

    trial: Trial
    outcome: Outcome
    run: str | None = None
    boots: int = 0
    unit: str = "1"
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def _slowed(percent: int) -> Trial:
    name = f"a job slowed by {percent} %"
    return Trial(name, f"bare:slowdown={percent}%", "cpu.primes", "rate", "ratio", 1 + percent / 100, SLOWDOWN)


def _quota(share: float) -> Trial:
    return Trial(f"{share} of a CPU", f"bare:cpu-quota={share}", "cpu.primes", "rate", "ratio", 1 / share, QUOTA)


def _sent(name: str, bits: float) -> Trial:
    goodput = bits / 8 * PAYLOAD / FRAME
    what = f"{name}bit/s on the wire"
    return Trial(what, f"bare:rate={name}", "network.stream", "throughput", "value", goodput, NETWORK)


def _alike(workload: str, metric: str) -> Trial:
    return Trial("nothing (A/A)", CONTROL, workload, metric, "ratio", 1.0, NOTHING)


TRIALS = (
    _alike("cpu.primes", "rate"),
    *map(_quota, (0.5, 0.8)),
    *map(_slowed, (2, 5, 10)),
    _alike("disk.randread", "iops"),
    Trial("1000 requests/s", "bare:iops=1000", "disk.randread", "iops", "value", 1000.0, IO),
    Trial("16 MiB/s in requests of 4 KiB", "bare:bandwidth=16M", "disk.randread", "iops", "value", 4096.0, IO),
    _alike("network.stream", "throughput"),
    _sent("100M", 100e6),
    _sent("1G", 1e9),
    _alike("network.latency", "latency_p50"),
    Trial(
        "10 ms on the round trip",
        "bare:delay=10ms",
        "network.latency",
        "latency_p50",
        "added",
        0.01,
        DELAY,
        against="bare:delay=0ms",
    ),
)


def requests(
    trials: Sequence[Trial], profile: Profile, seed: int | None
) -> Iterator[tuple[tuple[Trial, ...], Request]]:
    """Yield the runs: the trials of each workload, and what to ask of `vbench.run.execute.new_run`.

    Of the profile only the boots are taken.
    """
    shape = replace(profile, name=f"selftest-{profile.name}", blocks=1, warmups=0, iterations=1, seconds=SECONDS)
    for workload, group in groupby(trials, key=lambda trial: trial.workload):
        mine = tuple(group)
        targets = dict.fromkeys(name for trial in mine for name in (trial.against, trial.target))
        settings, label = Settings(), {"selftest": workload}
        yield mine, Request(list(targets), [workload], [], profile.name, seed, settings, label, shape)


def imposable(
    trials: Sequence[Trial], catalogue: Catalogue, known: Sequence[Workload]
) -> tuple[tuple[Trial, ...], tuple[Finding, ...]]:
    """Return the trials that this machine can run, and the others with the reason and the remedy."""
    _, unwired = wired_only(known, named=False)
    lacking = {trial: [*catalogue.target(trial.target).missing(), *unwired.get(trial.workload, [])] for trial in trials}
    out = [
        Finding(trial, "not imposed", reason=f"{lacks[0].what} is missing. Fix: {lacks[0].fix}")
        for trial, lacks in lacking.items()
        if lacks
    ]
    return tuple(trial for trial, lacks in lacking.items() if not lacks), tuple(out)


def judge(trials: Sequence[Trial], samples: Sequence[Sample], run: str, *, of: int) -> list[Finding]:
    """Return what the samples of a run say of its trials, of which there are `of` in the whole self-test."""
    effects = [abs(effect) for trial in trials if (effect := _effect(trial, samples))]
    smallest = min(effects, default=math.inf)
    return [_judged(trial, samples, run, bonferroni(CONFIDENCE, of), smallest) for trial in trials]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0 where every overhead that could be imposed was found, 1 one was missed, 3 inconclusive, 4 none."""
    outcomes = {finding.outcome for finding in findings}
    return next((code for outcome, code in EXIT.items() if outcome in outcomes), EMPTY)


def _judged(trial: Trial, samples: Sequence[Sample], run: str, confidence: float, smallest: float) -> Finding:
    mine = _mine(trial, samples)
    unit = "1" if trial.kind == "ratio" else next((sample.unit for sample in mine), "1")
    logs = _logs(trial, mine)
    if not logs:
        return _failed(trial, mine, run)
    found = Finding(trial, "inconclusive", run, len(logs), unit, natural(fmean(logs)))
    if len(logs) == 1:
        return replace(found, reason="one boot: another may differ, and nothing says by how much")
    interval = estimate(logs, confidence)
    found = replace(found, low=natural(float(interval.low)), high=natural(float(interval.high)))
    low, high = float(interval.low) - math.log1p(trial.tolerance), float(interval.high) + math.log1p(trial.tolerance)
    if not low <= math.log(trial.truth) <= high:
        return replace(found, outcome="missed", reason="the interval does not hold the truth within its tolerance")
    if trial.truth == 1 and max(-interval.low, interval.high) >= smallest:
        return replace(found, reason="the interval holds an effect as small as the smallest one imposed too")
    if trial.truth != 1 and interval.low <= _nothing(trial, mine) <= interval.high:
        return replace(found, reason="the interval holds 'nothing imposed' too: more boots narrow it")
    return replace(found, outcome="found")


def _mine(trial: Trial, samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if (sample.workload, sample.metric) == (trial.workload, trial.metric)]


def _effect(trial: Trial, samples: Sequence[Sample]) -> float:
    """Return the log of the cost that a trial imposes, as far as that is known: of a cap or a delay it is measured."""
    if trial.kind == "ratio":
        return math.log(trial.truth)
    logs = _logs(replace(trial, kind="ratio"), _mine(trial, samples))
    return fmean(logs) if logs else 0.0


def _values(mine: Sequence[Sample], target: str) -> dict[int, float]:
    """Return the log of the metric on a target by boot."""
    for key, targets in gather(mine).items():
        if target in targets:
            sign = 1 if key.better == "lower" else -1
            return {boot: sign * fmean(blocks.values()) for boot, blocks in targets[target].blocks.items()}
    return {}


def _logs(trial: Trial, mine: Sequence[Sample]) -> list[float]:
    """Return the log of what was measured, by boot."""
    here, there = _values(mine, trial.target), _values(mine, trial.against)
    common = [(here[boot], there[boot]) for boot in sorted(here.keys() & there.keys())]
    measures: Mapping[Kind, Callable[[float, float], float]] = {
        "ratio": lambda one, other: _direction(mine) * (one - other),
        "value": lambda one, _: one,
        "added": lambda one, other: math.log(max(math.exp(one) - math.exp(other), 1e-12)),
    }
    return [measures[trial.kind](one, other) for one, other in common]


def _direction(mine: Sequence[Sample]) -> int:
    return 1 if mine[0].better == "lower" else -1


def _nothing(trial: Trial, mine: Sequence[Sample]) -> float:
    """Return the log of what would be measured with nothing imposed."""
    if trial.kind == "value":
        return fmean(_values(mine, trial.against).values())
    return 0.0 if trial.kind == "ratio" else -math.inf


def _failed(trial: Trial, mine: Sequence[Sample], run: str) -> Finding:
    """Say why there is nothing to judge: where the host failed, it cannot impose the overhead."""
    failures = [s.failure for s in mine if s.failure and s.target in {trial.target, trial.against}]
    by_host = bool(failures) and failures[0].blame == "host"
    reason = failures[0].message if failures else "no boot has a value on both sides"
    return Finding(trial, "not imposed" if by_host else "missed", run, reason=reason)


def shown(finding: Finding) -> tuple[str, str, str]:
    """Return the truth, the measured and its interval in words with their unit."""
    unit = finding.unit

    def word(number: float | None) -> str:
        if number is None:
            return "-"
        return f"{number:.4f}" if finding.trial.kind == "ratio" else format_value(number, unit, digits=4)

    interval = f"[{word(finding.low)}, {word(finding.high)}]" if finding.low is not None else "-"
    return word(finding.trial.truth), word(finding.measured), interval
