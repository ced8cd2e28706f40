"""An A/A: the same job on `bare` and `bare2`, which are the same thing, by the real engine.

What differs between them is what a run here would see of the machine's noise (MEASUREMENT.md): the boot is the unit,
the two sides interleave in random order, and the spread of the per-boot log-ratios gives the smallest effect that a run
of so many boots finds. Two blocks a boot, as `vbench run` takes them, see a little less.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt
from statistics import stdev

from rich.console import Console
from scipy.special import chdtri

from vbench import config
from vbench.errors import VbenchError
from vbench.image import Image, check, find
from vbench.ledger import Ledger
from vbench.model import BARE, CONTROL, Sample
from vbench.run.machine import machine
from vbench.run.plan import PROFILES, Profile, make_plan
from vbench.run.progress import Reporter
from vbench.run.quiet.finding import Finding, graded
from vbench.run.session import Session
from vbench.stats import cells
from vbench.stats.estimate import POWER, quantile
from vbench.stats.pairs import log_ratios
from vbench.store.bundle import Bundle, Recorder
from vbench.targets.catalogue import Catalogue
from vbench.targets.place import Settings
from vbench.workloads import Workload

JOBS = ("cpu.primes", "disk.randread")
PROFILE = Profile("doctor", boots=5, blocks=1, warmups=0, iterations=1, seconds=1)  # ten seconds of each job
CONFIDENCE = 0.95
USUAL = PROFILES["standard"].boots
LIMITS = (0.02, 0.05, 0.15)  # smallest effect that the usual run finds: a note, disturbs, severe


@dataclass(frozen=True)
class Noise:
    """The noise of one job's first metric, or why there is none.

    `ratio` is cost(bare2) / cost(bare) with its interval. `spread` is the standard deviation of the log-ratio of a
    pair, with the interval that so few pairs leave; `mde` the smallest overhead that runs of so many boots find four
    times out of five.
    """

    workload: str
    metric: str
    pairs: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    spread_low: float | None = None
    spread_high: float | None = None
    mde: Mapping[int, float] | None = None
    failure: str = ""


def measure(console: Console) -> list[Noise]:
    """Run the A/A; it takes about half a minute. What cannot be measured says why, and nothing is raised for it."""
    jobs = [workload for workload in config.workloads() if workload.name in JOBS]
    try:
        with Ledger() as ledger, ledger.folder_for("doctor") as folder:
            image = find(None)
            check(image)
            bundle = Bundle.create({}, folder / "run")
            _run(bundle, jobs, image, ledger, console)
            samples = list(bundle.samples())
    except (VbenchError, OSError) as error:
        reason = f"{error.message} {error.remedy}".rstrip() if isinstance(error, VbenchError) else f"{error}."
        return [Noise(job.name, job.metrics[0].name, failure=reason) for job in jobs]
    return [of_samples(job, samples) for job in jobs]


def _run(bundle: Bundle, jobs: list[Workload], image: Image, ledger: Ledger, console: Console) -> None:
    catalogue = Catalogue()
    targets = [catalogue.runnable(name) for name in (BARE, CONTROL)]
    seed = random.SystemRandom().randrange(2**32)
    plan = make_plan(PROFILE, seed, [target.name for target in targets], [job.name for job in jobs])
    settings, known = Settings(), {job.name: job for job in jobs}
    with (
        Recorder(bundle) as recorder,
        machine(image, ledger, settings.cpus, wired=False) as host,
        Reporter(console, len(plan.steps)) as reporter,
    ):
        Session(plan, targets, known, settings, host, recorder, reporter).run({})


def of_samples(workload: Workload, samples: list[Sample]) -> Noise:
    """Return the noise that an A/A's samples show for a workload's first metric."""
    metric = workload.metrics[0].name
    mine = [sample for sample in samples if (sample.workload, sample.metric) == (workload.name, metric)]
    means = next((found for (_, target), found in log_ratios(mine, BARE).items() if target == CONTROL), [])
    row = next((cell for cell in cells(mine, confidence=CONFIDENCE) if cell.target == CONTROL), None)
    if row is None or len(means) < 2:  # noqa: PLR2004 - a spread needs two
        reasons = row.warnings if row else ("no sample was taken",)
        return Noise(
            workload.name, metric, len(means), failure="; ".join(reasons) or "fewer than two pairs have a value"
        )
    spread = stdev(means)
    low, high = spread_interval(spread, len(means))
    effects = {profile.boots: effect(spread, profile.boots) for profile in PROFILES.values() if profile.boots > 1}
    return Noise(workload.name, metric, len(means), row.ratio, row.low, row.high, spread, low, high, effects)


def effect(spread: float, boots: int) -> float:
    """Return the minimum detectable overhead of `boots` pairs whose log-ratios have this standard deviation.

    Source: MEASUREMENT.md, "Estimate".
    """
    t = quantile(0.5 + CONFIDENCE / 2, boots - 1) + quantile(POWER, boots - 1)
    return exp(t * spread / sqrt(boots)) - 1


def spread_interval(spread: float, count: int) -> tuple[float, float]:
    """Return the interval of a standard deviation seen in `count` values, by the chi-squared distribution."""
    degrees, tail = count - 1, (1 - CONFIDENCE) / 2
    return (
        spread * sqrt(degrees / float(chdtri(degrees, tail))),
        spread * sqrt(degrees / float(chdtri(degrees, 1 - tail))),
    )


def finding(noise: Noise) -> Finding:
    """Return what an A/A says of the machine."""
    what = f"noise.{noise.workload}"
    if noise.mde is None or noise.spread is None:
        return Finding(what, "unknown", "unknown", f"the A/A was not measured: {noise.failure}", source="A/A")
    smallest = noise.mde[USUAL]
    severity = "unknown" if noise.spread == 0 else graded(smallest, *LIMITS)
    why = (
        f"two identical jobs differ by so much (standard deviation over {noise.pairs} pairs); "
        f"{USUAL} boots find effects from {100 * smallest:.1f} %"
    )
    fix = "mend what disturbs, above, or take more boots" if severity not in ("fine", "unknown") else ""
    return Finding(what, round(noise.spread, 6), severity, why, fix, "1", True if fix else None, source="A/A")
