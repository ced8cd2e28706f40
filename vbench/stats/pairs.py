"""A target's blocks beside bare's blocks of the same boots: the differences that everything else is made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from vbench.model import Sample
from vbench.stats.series import Key, Series, gather

_NAMED = 4  # places that a warning lists


@dataclass(frozen=True)
class Pairs:
    """Per boot, the differences in log cost of the blocks that both sides have, and a word on those left out."""

    blocks: Mapping[int, tuple[float, ...]]
    left_out: str | None

    def means(self) -> list[float]:
        """Return D[k], the mean over blocks, for every boot in its order."""
        return [fmean(blocks) for _, blocks in sorted(self.blocks.items())]


def pair(target: Series, bare: Series) -> Pairs:
    """Return what target and bare have in common; the rest is left out of both sides and named, never zero."""
    blocks = {}
    for boot in sorted(target.blocks.keys() & bare.blocks.keys()):
        mine, base = target.blocks[boot], bare.blocks[boot]
        if common := sorted(mine.keys() & base.keys()):
            blocks[boot] = tuple(mine[block] - base[block] for block in common)
    missing = [
        (boot, block)
        for boot, block in sorted(target.tried | bare.tried)
        if block not in target.blocks.get(boot, {}) or block not in bare.blocks.get(boot, {})
    ]
    return Pairs(blocks, _left_out(missing))


def log_ratios(samples: Iterable[Sample], base: str | None) -> dict[tuple[Key, str], list[float]]:
    """Return the per-boot mean log-ratios of every metric and target to `base`, where both have a value."""
    return {
        (key, target): means
        for key, targets in gather(samples).items()
        if base in targets
        for target, found in targets.items()
        if target != base and (means := pair(found, targets[base]).means())
    }


def _left_out(missing: list[tuple[int, int]]) -> str | None:
    if not missing:
        return None
    places = ", ".join(f"boot {boot} block {block}" for boot, block in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"left out for want of a value on both sides: {places}{more}"
