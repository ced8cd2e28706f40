"""Samples written the short way."""

from collections.abc import Mapping, Sequence
from typing import Any

from vbench.model import Sample

Blocks = Sequence[Sequence[float | None]]


def block(target: str, boot: int, number: int, values: Sequence[float | None], **fields: Any) -> list[Sample]:
    """Return the samples of one block of `cpu.primes` `duration`, one for each value."""
    common: dict[str, Any] = {"workload": "cpu.primes", "metric": "duration", "unit": "s", "better": "lower"}
    common |= {"instance": f"{target}-{boot}"} | fields
    return [
        Sample(**common, target=target, boot=boot, block=number, iteration=i, value=value)
        for i, value in enumerate(values)
    ]


def session(per_target: Mapping[str, Sequence[Blocks]], **fields: Any) -> list[Sample]:
    """Return the samples of targets -> boots -> blocks -> values."""
    return [
        sample
        for target, boots in per_target.items()
        for boot, blocks in enumerate(boots)
        for number, values in enumerate(blocks)
        for sample in block(target, boot, number, values, **fields)
    ]


def boots(*costs: float) -> list[Blocks]:
    """Return boots of one block of one iteration each."""
    return [[[cost]] for cost in costs]
