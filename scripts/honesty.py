"""Put the statistics to sessions whose truth is known, and write what they found to docs/honesty.md.

Run by `make honesty`; exits with 1 where a figure is outside its band. The seeds are fixed, so the page changes only
when the statistics do.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, ttest_1samp

from vbench.stats.bootstrap import hierarchical
from vbench.stats.estimate import POWER, Floats, estimate, quantile
from vbench.stats.fieller import fieller
from vbench.stats.gate import Contrast, gate, paired
from vbench.stats.many import benjamini_hochberg
from vbench.stats.power import PILOT, power, stein, stein_boots
from vbench.stats.ranks import hodges_lehmann
from vbench.stats.sessions import course, prediction
from vbench.stats.simulation import Noise, Size, differences, simulate

PAGE = Path(__file__).parents[1] / "docs" / "honesty.md"
TRUTH = log(1.05)
QUIET = Noise(drift=0.0, spikes=0.0)
NOISES = {"quiet": QUIET, "drift and spikes": Noise(), "heavy tails": Noise(tail=3, spikes=0.1, spike=0.3)}
BETWEEN = 0.0149  # the noise between sessions, in which a step of 5 % must be found
NEAR = 2  # sessions by which a change may be misplaced
AT_MOST, AT_LEAST = (0.0, 0.05), (0.95, 1.0)

Band = tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """One share between 0 and 1. Outside its band it fails; one without a band is told for comparison."""

    what: str
    found: float
    band: Band | None = None

    @property
    def fails(self) -> bool:
        """Whether the share is outside its band."""
        return self.band is not None and not self.band[0] <= self.found <= self.band[1]


def share(hits: Sequence[bool] | np.ndarray) -> float:
    """Return the share of what is true."""
    return float(np.mean(hits))


def around(expected: float, sessions: int, least: float = 0.015) -> Band:
    """Return the band of a share: `least` to either side, or three standard errors where so few sessions need more."""
    slack = max(least, 3 * sqrt(expected * (1 - expected) / sessions))
    return max(0.0, expected - slack), min(1.0, expected + slack)


def holds(low: Floats, high: Floats) -> float:
    """Return the share of intervals that hold the truth."""
    return share((low <= TRUTH) & (high >= TRUTH))


def coverage(sessions: int) -> Iterator[Finding]:
    """Yield how often the table's intervals hold the truth, and what others would have said of the same samples."""
    band = around(0.95, sessions)
    for name, noise in NOISES.items():
        for boots in (5, 8, 10, 20):
            rng, size, where = np.random.default_rng(boots), Size(sessions, boots), f"{name}, K = {boots}"
            costs = simulate(rng, noise, size, TRUTH)
            found, ranks = estimate(differences(costs)), hodges_lehmann(differences(costs))
            yield Finding(f"t over boots, {where}", holds(found.low, found.high), band)
            if ranks is not None:  # the ranks are discrete, and hold at least what they promise
                yield Finding(f"Hodges-Lehmann, {where}", holds(ranks.low, ranks.high), (band[0], 1.0))
            yield Finding(f"not used: Welch over iterations, {where}", pooled(costs))
            apart = estimate(differences(simulate(rng, noise, size, TRUTH, interleaved=False)))
            yield Finding(f"not used: all of bare first, {where}", holds(apart.low, apart.high))


def pooled(costs: Floats) -> float:
    """Return the coverage of Welch's interval over all iterations, as if they were independent."""
    flat = costs.reshape(*costs.shape[:2], -1)
    theta = flat[:, 1].mean(axis=-1) - flat[:, 0].mean(axis=-1)
    half = 1.96 * np.sqrt(flat.var(axis=-1, ddof=1).sum(axis=-1) / flat.shape[-1])
    return holds(theta - half, theta + half)


def special(sessions: int) -> Iterator[Finding]:
    """Yield the coverage of the intervals for special uses."""
    rng, band = np.random.default_rng(1), around(0.95, sessions)
    for boots in (5, 10, 20):
        blocks = np.median(simulate(rng, Noise(), Size(sessions, boots), TRUTH), axis=-1)
        tails = np.array([hierarchical(session) for session in (blocks[:, 1] - blocks[:, 0]).tolist()])
        yield Finding(f"hierarchical bootstrap, K = {boots}", holds(*tails.T), (0.90, 0.98))
    d = differences(simulate(rng, Noise(), Size(sessions, 60), TRUTH))
    stages = [stein(session[: min(60, stein_boots(session[:PILOT], 0.015))]) for session in d]
    bounds = np.array([(stage.low, stage.high) for stage in stages])
    yield Finding("Stein's two stages, half-width 1.5 %", holds(*bounds.T), band)
    costs = np.exp(np.median(simulate(rng, Noise(), Size(sessions, 10), TRUTH), axis=-1).mean(axis=-1))
    ratios = np.log([ratio[1:] for bare, target in costs if (ratio := fieller(target, bare))])
    yield Finding("Fieller, K = 10", holds(*ratios.T), band)
    past = rng.normal(0, BETWEEN, (sessions, 21))
    inside = [ahead[0] <= now <= ahead[1] for *old, now in past if (ahead := prediction(old))]
    yield Finding("prediction of the next session from 20", share(inside), band)


def powers(sessions: int) -> Iterator[Finding]:
    """Yield how often an effect is found, against the noncentral t and the MDE, and how often A/A is rejected."""
    noise = Noise(drift=0.02)
    spread = float(differences(simulate(np.random.default_rng(0), noise, Size(20_000, 10))).std())
    for boots in (5, 10, 20):
        rng, size = np.random.default_rng(boots), Size(sessions, boots)
        mde = (quantile(0.975, boots - 1) + quantile(POWER, boots - 1)) * spread / sqrt(boots)
        for effect, name in ((log(1.02), "x1.02"), (log(1.05), "x1.05"), (log(1.1), "x1.10"), (mde, "the MDE")):
            found = estimate(differences(simulate(rng, noise, size, effect)))
            predicted = float(power(effect, spread, boots))
            what = f"{name} is found, K = {boots}; predicted {predicted:.3f}"
            yield Finding(what, share(found.low > 0), around(predicted, sessions, 0.03))
        control = estimate(differences(simulate(rng, noise, size)))
        rejected = int(np.sum((control.low > 0) | (control.high < 0)))
        yield Finding(f"A/A is rejected, K = {boots}", rejected / sessions, around(0.05, sessions))
        p = float(binomtest(rejected, sessions, 0.05).pvalue)
        yield Finding(f"p of a binomial test of that against .05, K = {boots}", p, (0.001, 1.0))


def gates(sessions: int) -> Iterator[Finding]:
    """Yield how often a gate over ten cells of ten boots raises a false alarm, and how often it finds a regression."""
    for effect, name, most in ((log(1.03), "all at the margin", 0.025), (0.0, "A/A", 0.0)):
        cells = contrasts(sessions, effect)
        band = (0.0, around(most, sessions, 0.002)[1])
        yield Finding(f"false alarm, {name}", share(["regressed" in gate(family) for family in cells]), band)
        single = [any("regressed" in gate([cell]) for cell in family) for family in cells]
        yield Finding(f"not used: false alarm without Holm, {name}", share(single))
    slowed = [outcome == "regressed" for family in contrasts(sessions, log(1.10)) for outcome in gate(family)]
    yield Finding("a cell slowed by 10 % fails the gate", share(slowed), (0.9, 1.0))
    rng, real, false = np.random.default_rng(4), np.arange(40) < 10, []  # noqa: PLR2004 - ten of forty
    for _ in range(sessions):
        d = rng.normal(0.05 * real[:, None], 0.03, (40, 10))
        listed = benjamini_hochberg(ttest_1samp(d, 0, axis=1).pvalue) < 0.05  # noqa: PLR2004 - alpha
        false.append(int(np.sum(listed & ~real)) / max(1, int(np.sum(listed))))
    yield Finding("false share of a Benjamini-Hochberg list, 10 of 40 cells real", float(np.mean(false)), AT_MOST)


def contrasts(sessions: int, effect: float) -> list[list[Contrast]]:
    """Return families of ten cells of one true effect."""
    d = differences(simulate(np.random.default_rng(3), Noise(drift=0.02), Size(sessions * 10, 10), effect))
    return [[paired(cell) for cell in family] for family in d.reshape(sessions, 10, 10)]


def changes(sessions: int) -> Iterator[Finding]:
    """Yield how often changes of level are found and made up."""
    for length in (20, 40, 80):
        rng, time = np.random.default_rng(length), np.arange(length)
        flat = rng.normal(0, BETWEEN, (sessions, length))
        yield Finding(f"false alarm, no change, n = {length}", share([told(one).size > 0 for one in flat]), AT_MOST)
        spiked = flat + 0.3 * (time == rng.integers(length, size=(sessions, 1)))
        yield Finding(
            f"false alarm, a spike of 30 %, n = {length}", share([told(one).size > 0 for one in spiked]), AT_MOST
        )
        at = rng.integers(8, length - 7, size=(sessions, 1))
        misses = [np.abs(told(one) - step) for one, step in zip(flat + TRUTH * (time >= at), at, strict=True)]
        found = share([bool(np.any(miss <= NEAR)) for miss in misses])
        yield Finding(f"a step of 5 % is found, n = {length}", found, AT_LEAST)
        yield Finding(f"false alarm beside it, n = {length}", share([bool(np.any(m > NEAR)) for m in misses]), AT_MOST)
        courses = [course(list(one)) for one in flat + np.linspace(0, 0.1, length)]
        noticed = share([bool(found.changes) for found in courses])
        yield Finding(f"a drift of 10 % is noticed, n = {length}", noticed, AT_LEAST)
        yield Finding(f"and called a drift, n = {length}", share([found.drift for found in courses]), (0.9, 1.0))


def told(series: Floats) -> np.ndarray:
    """Return the sessions at which a change is told."""
    return np.array([change.session for change in course(list(series)).changes])


SECTIONS: dict[str, tuple[Callable[[int], Iterator[Finding]], int, str]] = {
    "Coverage of the table's intervals": (
        coverage,
        10_000,
        (
            "Nominal .95. 'quiet' has boots, processes and iterations that vary; 'drift and spikes' adds a host that "
            "drifts by 5 % with a memory of .9 from block to block and delays one iteration in twenty; 'heavy tails' "
            "gives the boots a t distribution of 3 degrees and delays one in ten."
        ),
    ),
    "Coverage of the other intervals": (special, 2_000, "Nominal .95, drift and spikes as above."),
    "Power, and the A/A control": (
        powers,
        10_000,
        "The share of sessions whose interval is above 1, beside the prediction; then bare against itself.",
    ),
    "Gates over ten cells": (gates, 2_000, "Margin 3 %, ten boots a cell. Nominal: at most .025 of families."),
    "Changes of level over sessions": (
        changes,
        1_000,
        (
            f"Noise of {100 * BETWEEN:.2f} % between sessions, the step anywhere with eight sessions on either side, "
            f"found when told within {NEAR} sessions."
        ),
    ),
}


def page(findings: dict[str, list[Finding]]) -> Iterator[str]:
    """Yield the lines of docs/honesty.md."""
    yield "# Do the statistics keep their promises?"
    yield ""
    yield "Written by `make honesty` (scripts/honesty.py), which fails where a figure is outside its band. Do not edit."
    for title, found in findings.items():
        _, sessions, about = SECTIONS[title]
        yield from ("", f"## {title}", "", f"{about} {sessions:,} repetitions.", "")
        yield from ("| what | found | band |", "| --- | ---: | ---: |")
        for finding in found:
            band = f"{finding.band[0]:.3f} to {finding.band[1]:.3f}" if finding.band else "-"
            yield f"| {finding.what} | {finding.found:.3f} | {band}{' **outside**' if finding.fails else ''} |"


def main() -> int:
    """Run every section in full and write the page."""
    findings = {title: list(run(sessions)) for title, (run, sessions, _) in SECTIONS.items()}
    PAGE.write_text("\n".join(page(findings)) + "\n")
    outside = [finding for found in findings.values() for finding in found if finding.fails]
    for finding in outside:
        sys.stderr.write(f"{finding.what}: {finding.found:.3f} is outside {finding.band}\n")
    return bool(outside)


if __name__ == "__main__":
    sys.exit(main())
