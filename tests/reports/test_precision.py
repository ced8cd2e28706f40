"""The decision on a second stage, from bundles as a real session writes them, and what the table says of it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest
from rich.console import Console

from tests.reports.runs import BROKEN, edit, make
from vbench.errors import InputError
from vbench.reports.finish import finish
from vbench.reports.of_bundle import table_of
from vbench.reports.second_stage import begin, needs
from vbench.reports.table import session_notes
from vbench.reports.verify import check
from vbench.run import stages
from vbench.run.plan import PROFILES, read_plan
from vbench.run.stages import Precision, Stage, plan_of
from vbench.stats.pairs import log_ratios
from vbench.stats.power import stein_boots
from vbench.store.bundle import Bundle

pytestmark = pytest.mark.usefixtures("xdg")
QUIET = Console(quiet=True)


def asked(half_width: float, most: int = 60, **more: Any) -> Bundle:
    """Return a run whose first stage is done."""
    precision = asdict(Precision(half_width, most))
    return make("run", boots=8, noise=0.02, done=False, header={"precision": precision}, **more)


def staged(half_width: float, most: int = 60, **more: Any) -> Stage:
    bundle = asked(half_width, most, **more)
    begin(bundle, QUIET)
    found = stages.kept(bundle)
    assert found
    return found


def by_target(found: Stage) -> Mapping[str, int]:
    return {need.target: need.boots for need in found.needs}


def test_the_neediest_cell_decides() -> None:
    found = staged(0.01, 99)
    bundle = Bundle.open(make("other", boots=8, noise=0.02, done=False).folder)  # the same samples, nothing asked for
    wanted = {
        target: stein_boots(logs, math.log1p(0.01))
        for (_, target), logs in log_ratios(bundle.samples(), "bare").items()
    }
    assert by_target(found) == wanted
    assert found.boots == max(wanted.values()) > 8


def test_the_most_is_never_exceeded_and_what_falls_short_is_named() -> None:
    bundle = asked(0.002, 12)
    assert begin(bundle, QUIET)
    assert len(plan_of(bundle).steps) == 12 * 2 * 4
    reached = table_of(bundle).precision
    assert reached
    assert (reached.boots, {one.target for one in reached.short}) == (12, {"bare2", "kvm", "podman"})
    assert all(one.needs and one.needs > 12 for one in reached.short)
    assert any("Less precise than asked for: cpu.primes rate on" in note for note in session_notes(table_of(bundle)))


def test_the_second_plan_goes_on_where_the_first_ended_and_follows_from_its_seed() -> None:
    bundle = asked(0.01)
    first = read_plan(bundle.header)
    begin(bundle, QUIET)
    whole = plan_of(bundle)
    assert whole.steps[: len(first.steps)] == first.steps
    assert [step.number for step in whole.steps] == list(range(len(whole.steps)))
    assert {step.boot for step in whole.steps} == set(range(whole.profile.boots))
    found = stages.kept(bundle)
    assert found == stages.decide(first, Precision(0.01), needs(bundle, Precision(0.01)))
    assert not begin(bundle, QUIET)  # it is decided once


def test_what_failed_has_no_say() -> None:
    assert set(by_target(staged(0.01, odd=BROKEN))) == {"bare2", "podman"}


def test_a_run_that_asked_for_nothing_has_no_second_stage() -> None:
    bundle = make("run", boots=8, done=False)
    assert not begin(bundle, QUIET)
    assert stages.kept(bundle) is None
    assert table_of(bundle).precision is None


def test_the_profile_s_boots_are_the_first_stage_and_eight_at_least() -> None:
    shapes = {name: Precision(0.01).first(profile).boots for name, profile in PROFILES.items()}
    assert shapes == {"smoke": 8, "quick": 8, "standard": 10, "publish": 20}
    with pytest.raises(InputError, match="The first stage alone takes 20 boots, and 10 are the most"):
        Precision(0.01, 10).first(PROFILES["publish"])


def test_the_decision_is_verified() -> None:
    bundle = asked(0.5)
    begin(bundle, QUIET)
    finish(bundle)
    assert check(bundle).verified
    edit(bundle.folder / stages.NAME, '"boots": 8', '"boots": 9')
    found = check(bundle).findings
    assert f"{stages.NAME}: it is not what the first stage's samples give: 8 boots in all" in found
    (bundle.folder / stages.NAME).unlink()
    assert f"{stages.NAME}: it is missing, or run.json asks for no precision" in check(bundle).findings


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"needs": [7]}', '{"needs": [], "boots": 9, "plan": {}}'])
def test_a_damaged_stage_is_named(text: str) -> None:
    bundle = asked(0.5)
    (bundle.folder / stages.NAME).write_text(text)
    with pytest.raises(InputError, match=r"stage-2\.json' is damaged"):
        plan_of(bundle)
    assert any(stages.NAME in finding for finding in check(bundle).findings)


def test_the_summary_has_it() -> None:
    bundle = asked(0.5)
    begin(bundle, QUIET)
    finish(bundle)
    summary = json.loads((bundle.folder / "summary.json").read_text())
    assert summary["precision"] == {"half_width": 0.5, "most": 60, "first_stage": 8, "boots": 8, "short": []}
