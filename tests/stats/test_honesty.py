"""The honesty suite in its small form, and whether it could find a fault at all."""

from collections.abc import Iterator
from math import exp
from pathlib import Path

import numpy as np
import pytest

from scripts import honesty
from scripts.honesty import Finding
from vbench.model import Sample
from vbench.stats import cells
from vbench.stats.simulation import Noise, Size, simulate

SMALL = 400


@pytest.mark.parametrize("title", honesty.SECTIONS)
def test_every_promise_is_kept(title: str) -> None:
    run, _, _ = honesty.SECTIONS[title]
    found = list(run(SMALL))
    assert any(finding.band for finding in found)
    assert [finding for finding in found if finding.fails] == []


def test_the_suite_sees_intervals_that_do_not_hold_what_they_promise() -> None:
    shares = {finding.what: finding.found for finding in honesty.coverage(SMALL)}
    low, _ = honesty.around(0.95, SMALL)
    assert shares["not used: Welch over iterations, quiet, K = 10"] < low
    assert shares["not used: all of bare first, drift and spikes, K = 10"] < low


def as_samples(costs: np.ndarray) -> Iterator[Sample]:
    """Yield what a run would have stored of one simulated session."""
    for (side, boot, block, iteration), cost in np.ndenumerate(costs):
        target = ("bare", "kvm")[side]
        place = (f"{target}-{boot}", boot, block, iteration)
        yield Sample("cpu.primes", "rate", "1/s", "higher", target, *place, value=1000 / exp(cost))


def test_the_table_itself_covers_from_samples_to_rows() -> None:
    """300 sessions of eight boots: .95 +- 3 standard errors."""
    sessions = simulate(np.random.default_rng(8), Noise(), Size(300, 8), honesty.TRUTH)
    rows = [next(row for row in cells(as_samples(costs)) if row.target == "kvm") for costs in sessions]
    held = [row.low is not None and row.high is not None and row.low <= 1.05 <= row.high for row in rows]
    low, high = honesty.around(0.95, 300)
    assert low <= np.mean(held) <= high


def test_a_figure_outside_its_band_fails_the_suite(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Finding("a promise", 0.7, (0.9, 1.0))
    monkeypatch.setattr(honesty, "SECTIONS", {"One": (lambda _: iter([bad]), 10, "About it.")})
    monkeypatch.setattr(honesty, "PAGE", (page := tmp_path / "honesty.md"))
    assert honesty.main() == 1
    assert "| a promise | 0.700 | 0.900 to 1.000 **outside** |" in page.read_text()
    assert "a promise" in capsys.readouterr().err
