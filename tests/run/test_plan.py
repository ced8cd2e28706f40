"""The plan: from a seed, whole, interleaved."""

from collections import Counter
from dataclasses import asdict, replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench.run.plan import ENVIRONMENT, PROFILES, Plan, Profile, make_plan, read_plan

names = st.lists(st.text("abc.", min_size=1, max_size=4), min_size=1, max_size=5, unique=True)
profiles = st.builds(
    Profile,
    name=st.just("drawn"),
    boots=st.integers(1, 4),
    blocks=st.integers(1, 3),
    warmups=st.integers(0, 2),
    iterations=st.integers(1, 3),
    seconds=st.just(1),
    warmed=st.none() | st.integers(0, 2),
)
plans = st.builds(make_plan, profiles, st.integers(0, 2**32), names, names)


@given(plans)
def test_every_cell_of_every_block_is_there_exactly_once(plan: Plan) -> None:
    cells = Counter((step.boot, step.block, step.workload, step.target) for step in plan.steps)
    blocks = plan.profile.boots * plan.profile.blocks
    assert set(cells.values()) == {1}
    assert len(cells) == blocks * len(plan.workloads) * len(plan.targets)


@given(plans)
def test_boots_and_blocks_come_in_order_and_a_workloads_targets_stand_side_by_side(plan: Plan) -> None:
    assert [step.number for step in plan.steps] == list(range(len(plan.steps)))
    places = [(step.boot, step.block) for step in plan.steps]
    assert places == sorted(places)
    for _, steps in groupby(plan.steps, key=lambda step: (step.boot, step.block, step.workload)):
        assert sorted(step.target for step in steps) == sorted(plan.targets)
    assert [step for boot in range(plan.profile.boots) for step in plan.of_boot(boot)] == list(plan.steps)


@given(profiles)
def test_warm_ups_come_before_what_is_measured_in_the_blocks_that_have_them(profile: Profile) -> None:
    every = range(profile.blocks)
    assert [profile.jobs_in(block) - profile.warmups_in(block) for block in every] == [profile.iterations] * len(every)
    warmed = len(every) if profile.warmed is None else min(profile.warmed, len(every))
    assert sum(profile.warmups_in(block) for block in every) == profile.warmups * warmed


@given(plans)
def test_the_same_seed_gives_the_same_plan_and_the_bundle_holds_all_of_it(plan: Plan) -> None:
    assert make_plan(plan.profile, plan.seed, plan.targets, plan.workloads) == plan
    assert read_plan({"plan": asdict(plan)}) == plan
    assert all(0 <= step.padding < ENVIRONMENT for step in plan.steps)


def test_seeds_give_different_orders_and_every_place_to_every_target() -> None:
    targets = ("bare", "bare2", "podman", "kvm")
    made = [make_plan(PROFILES["standard"], seed, targets, ("a.b", "c.d")) for seed in range(20)]
    assert len({tuple((s.workload, s.target) for s in plan.steps) for plan in made}) == len(made)
    firsts = Counter(steps.target for plan in made for steps in plan.steps[:: len(targets)])
    assert set(firsts) == set(targets)
    share = sum(firsts.values()) / len(targets)
    assert all(abs(count - share) < 5 * share**0.5 for count in firsts.values()), "no target is favoured"


@pytest.mark.parametrize(("name", "boots"), [("smoke", 1), ("quick", 3), ("standard", 10), ("publish", 20)])
def test_the_profiles_are_those_of_the_documentation(name: str, boots: int) -> None:
    profile = PROFILES[name]
    assert (profile.name, profile.boots) == (name, boots)
    assert replace(profile, name="x") != profile
