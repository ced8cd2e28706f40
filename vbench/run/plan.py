"""What will be executed in which order: interleaved random blocks from a seed, stored whole (MEASUREMENT.md)."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENVIRONMENT = 4096  # bytes by which a job's environment may grow: its size shifts the stack (Mytkowicz et al., 2009)


@dataclass(frozen=True)
class Profile:
    """How much is measured: fresh boots, blocks a boot, iterations a block, seconds a job.

    `warmups` come before the iterations of the first `warmed` blocks of a boot, None: of every block, as in older runs
    (docs/decisions/warm-ups.md).
    """

    name: str
    boots: int
    blocks: int
    warmups: int
    iterations: int
    seconds: int
    warmed: int | None = None

    def warmups_in(self, block: int) -> int:
        """Return how many jobs of a block are warm-ups: its first ones."""
        return self.warmups if self.warmed is None or block < self.warmed else 0

    def jobs_in(self, block: int) -> int:
        """Return how many jobs of each workload a block has on a target, warm-ups included."""
        return self.warmups_in(block) + self.iterations


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", boots=1, blocks=1, warmups=0, iterations=1, seconds=1),
        Profile("quick", boots=3, blocks=2, warmups=1, iterations=1, seconds=1, warmed=1),
        Profile("standard", boots=10, blocks=2, warmups=1, iterations=2, seconds=1, warmed=1),
        Profile("publish", boots=20, blocks=2, warmups=1, iterations=3, seconds=2, warmed=1),
    )
}


@dataclass(frozen=True)
class Step:
    """One workload on one target in one block of one boot; `padding` bytes are added to the job's environment."""

    number: int
    boot: int
    block: int
    workload: str
    target: str
    padding: int


@dataclass(frozen=True)
class Plan:
    """The profile, the seed, and every step in its order."""

    profile: Profile
    seed: int
    targets: tuple[str, ...]
    workloads: tuple[str, ...]
    steps: tuple[Step, ...]

    def of_boot(self, boot: int) -> list[Step]:
        """Return the steps of one boot in their order."""
        return [step for step in self.steps if step.boot == boot]


def make_plan(profile: Profile, seed: int, targets: Sequence[str], workloads: Sequence[str]) -> Plan:
    """Return the plan of a seed: in every block the workloads in random order, for each the targets in random order.

    The targets of one workload stand side by side, so that a slow drift of the machine meets them alike. The same
    arguments give the same plan.
    """
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    steps: list[Step] = []
    for boot in range(profile.boots):
        for block in range(profile.blocks):
            for workload in chance.sample(workloads, len(workloads)):
                for target in chance.sample(targets, len(targets)):
                    steps.append(Step(len(steps), boot, block, workload, target, chance.randrange(ENVIRONMENT)))
    return Plan(profile, seed, tuple(targets), tuple(workloads), tuple(steps))


def read_plan(header: Mapping[str, Any]) -> Plan:
    """Return the plan that a bundle's header holds."""
    return plan_from(header["plan"])


def plan_from(plan: Mapping[str, Any]) -> Plan:
    """Return a plan from its fields as JSON has them."""
    steps = tuple(Step(**step) for step in plan["steps"])
    return Plan(Profile(**plan["profile"]), plan["seed"], tuple(plan["targets"]), tuple(plan["workloads"]), steps)
