"""Comparisons that have a name: `vbench ab NAME` stands for two variants of a target."""

from dataclasses import dataclass

from vbench.errors import unknown


@dataclass(frozen=True)
class Comparison:
    """Two variants, and what they show beside each other."""

    base: str
    new: str
    summary: str


COMPARISONS = {
    "devices": Comparison(
        "kvm:kernel=generic",
        "kvm:kernel=generic:disk=ahci:nic=e1000",
        "paravirtual devices against full virtualization, by one kernel that drives both",
    ),
}


def named(name: str) -> Comparison:
    """Return a comparison by its name; InputError for one that there is not."""
    if name not in COMPARISONS:
        raise unknown("comparison", name, COMPARISONS)
    return COMPARISONS[name]
