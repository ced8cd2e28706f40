"""Evidence of where this machine runs, weighed: no single string decides, several independent ones do."""

from collections.abc import Iterable
from typing import NamedTuple

GUEST = 1  # the sum from which a machine counts as a guest where its processor could have said so
SURE = 2  # and where it could not
# Signatures that others put on, and who is believed instead when firmware or devices name them.
WORN_BY = {
    "kvm": ("virtualbox", "parallels", "vmware", "acrn", "bhyve"),
    "microsoft": ("kvm", "virtualbox", "parallels", "qemu", "vmware", "bhyve"),
}
SAME = {"qemu": ("kvm", "qemu-tcg", "xen")}  # a device model, and whom it serves


class Clue(NamedTuple):
    """One observation. `source` is what it was read from: clues of one source count once, the heaviest.

    `name` is the hypervisor it speaks for, None where it only says that there is one (negative: none).
    """

    name: str | None
    weight: int
    source: str
    text: str


def score(clues: Iterable[Clue]) -> int:
    """Return the sum over the sources of each one's heaviest clue."""
    heaviest: dict[str, int] = {}
    for clue in clues:
        heaviest[clue.source] = max(heaviest.get(clue.source, clue.weight), clue.weight, key=abs)
    return sum(heaviest.values())


def name(clues: Iterable[Clue]) -> str | None:
    """Return the hypervisor that most speaks for, seen through the signatures that others wear."""
    clues = [clue for clue in clues if clue.name and clue.weight > 0]
    names = dict.fromkeys(clue.name for clue in sorted(clues, key=lambda clue: -clue.weight) if clue.name)
    sums = {name: score(clue for clue in clues if clue.name == name) for name in names}
    best = max(sums, key=lambda name: sums[name], default=None)
    if best is None:
        return None
    behind = [other for other in WORN_BY.get(best, ()) if sums.get(other, 0) >= SURE]
    best = max(behind, key=lambda name: sums[name], default=best)
    served = [other for other in SAME.get(best, ()) if other in sums]
    if best == "qemu" and not served and "microsoft" in sums:
        return "kvm"  # only KVM gives QEMU's guests Hyper-V's interface
    return served[0] if served else best
