"""What a table must know beside the samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vbench.model import BARE, Difference, control_of

EVERY = "*"  # the workload of a remark that holds for all of them
Remarks = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Context:
    """What probes, checks and workloads say of the targets of a run.

    `accelerators` go by target, `differences` by (workload, target). `withheld` (reasons that void a ratio) and
    `warnings` do too, and there the workload may be `EVERY`; a reason on bare voids the ratios of every target.
    `tails` names the (workload, metric) pairs that are far quantiles. `restored` names the targets whose instances all
    come from one boot: however many there are, they count as one. `pilot` is the number of boots whose spread chose how
    many there are in all (Stein's two stages), None where that was chosen beforehand.
    """

    accelerators: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[tuple[str, str], tuple[Difference, ...]] = field(default_factory=dict)
    withheld: Remarks = field(default_factory=dict)
    warnings: Remarks = field(default_factory=dict)
    tails: frozenset[tuple[str, str]] = frozenset()
    restored: frozenset[str] = frozenset()
    pilot: int | None = None
    baseline: str | None = BARE

    @property
    def control(self) -> str | None:
        """The baseline under a second name, whose cost tells the noise of the session."""
        return control_of(self.baseline)
