"""A run in Stein's two stages: boots enough for a wanted half-width, by the spread of the first stage (MEASUREMENT.md).

run.json has the first stage's plan and what was asked for, and stays as it is; stage-2.json has what the first stage
asked for and the plan of the rest. A run that is resumed goes on with both.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from shutil import rmtree
from typing import Any

from vbench.errors import InputError
from vbench.run.plan import Plan, Profile, make_plan, plan_from, read_plan
from vbench.stats.power import PILOT
from vbench.store.bundle import Bundle

NAME = "stage-2.json"
SCHEMA = "vbench.stage/1"
MOST = 60  # boots in all, unless told


@dataclass(frozen=True)
class Precision:
    """What was asked for: the half-width of every interval as a share (0.02 is 2 %), and boots at the most."""

    half_width: float
    most: int = MOST

    @property
    def log(self) -> float:
        """The half-width in natural log, in which the intervals are symmetric."""
        return math.log1p(self.half_width)

    def first(self, profile: Profile) -> Profile:
        """Return the shape of the first stage: the profile's boots, at least `PILOT`; InputError above `most`."""
        shape = replace(profile, boots=max(PILOT, profile.boots))
        if shape.boots > self.most:
            told = f"The first stage alone takes {shape.boots} boots, and {self.most} are the most."
            raise InputError(told, f"Give --boots-max {shape.boots} or more.")
        return shape


@dataclass(frozen=True)
class Need:
    """The boots in all that a cell takes, by its spread in the first stage."""

    workload: str
    metric: str
    target: str
    boots: int


@dataclass(frozen=True)
class Stage:
    """What the first stage decided: what every cell needs, the boots in all, and the plan of those to come."""

    needs: tuple[Need, ...]
    boots: int
    plan: Plan


def asked(header: Mapping[str, Any]) -> Precision | None:
    """Return the precision that a run was begun with."""
    found = header.get("precision")
    return Precision(**found) if found else None


def decide(first: Plan, precision: Precision, needs: Sequence[Need]) -> Stage:
    """Return the second stage: the neediest cell decides, up to the most that was allowed."""
    boots = min(precision.most, max((need.boots for need in needs), default=first.profile.boots))
    return Stage(tuple(needs), boots, _second(first, boots))


def _second(first: Plan, boots: int) -> Plan:
    """Return the plan of the boots that follow the first stage, numbered on, of a seed that follows from the first."""
    seed = int.from_bytes(sha256(f"{first.seed}/2".encode()).digest()[:4])
    shape = replace(first.profile, boots=boots - first.profile.boots)
    plan = make_plan(shape, seed, first.targets, first.workloads)
    ahead = len(first.steps), first.profile.boots
    steps = (replace(step, number=step.number + ahead[0], boot=step.boot + ahead[1]) for step in plan.steps)
    return replace(plan, steps=tuple(steps))


def keep(bundle: Bundle, stage: Stage) -> None:
    """Write stage-2.json; the snapshots that ended the first stage make room for those of the run's end."""
    path = bundle.folder / NAME
    fresh = path.with_name(f".{NAME}")
    with bundle.writing():
        for target in stage.plan.targets if stage.plan.steps else ():
            rmtree(bundle.snapshot_folder(target, "after"), ignore_errors=True)
        fresh.write_text(json.dumps({"schema": SCHEMA, **asdict(stage)}, indent=1) + "\n")
        fresh.replace(path)


def kept(bundle: Bundle) -> Stage | None:
    """Return the second stage of a run, None where it has none yet; InputError where its file is damaged."""
    try:
        found = json.loads((bundle.folder / NAME).read_text())
        needs = tuple(Need(**need) for need in found["needs"])
        return Stage(needs, int(found["boots"]), plan_from(found["plan"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(f"'{bundle.folder / NAME}' is damaged.", "Restore the bundle from a copy.") from None


def plan_of(bundle: Bundle) -> Plan:
    """Return the whole plan of a run: that of run.json, and that of its second stage where there is one."""
    first, stage = read_plan(bundle.header), kept(bundle)
    if stage is None:
        return first
    return replace(first, profile=replace(first.profile, boots=stage.boots), steps=first.steps + stage.plan.steps)
