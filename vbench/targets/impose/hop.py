"""Bare metal: the agent in the image's root, alone or under known overheads, as in `bare:cpu-quota=0.5:iops=1000`."""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from vbench.errors import InputError
from vbench.model import Missing
from vbench.targets.bare import Bare, command, rooted
from vbench.targets.hop import Entry
from vbench.targets.impose import cpu, groups, network
from vbench.targets.impose.burden import Kind
from vbench.targets.options import option, options_of
from vbench.targets.place import Place, Settings
from vbench.units import parse_share, parse_size

_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)", re.ASCII)
_TIME = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)", re.ASCII)
_SCALE = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def parse_count(text: str) -> float:
    """Return a number with a decimal k, M or G behind it.

    >>> parse_count("100M")
    100000000.0
    """
    match = _COUNT.fullmatch(text)
    if not match or not float(match[1]):
        raise InputError(f"'{text}' is no number above 0.", "Write it as 1000, 1k or 100M.")
    return float(match[1]) * _SCALE[match[2]]


def parse_time(text: str) -> float:
    """Return a time in seconds.

    >>> parse_time("5ms")
    0.005
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise InputError(f"'{text}' is no time.", "Write it as 5ms, 200us or 1s.")
    return float(match[1]) * _UNIT[match[2]]


KINDS: Mapping[str, Kind] = {
    "cpu-quota": Kind("a share of the CPUs", "0.5", parse_share, lambda: groups.missing("cpu"), groups.quota),
    "slowdown": Kind("a job slowed by so much", "10%", parse_share, list, cpu.slowdown),
    "iops": Kind("disk requests a second", "1000", parse_count, groups.missing_disk, groups.requests),
    "bandwidth": Kind("disk bytes a second", "4M", parse_size, groups.missing_disk, groups.transfer),
    "rate": Kind("bits a second sent", "100M", parse_count, network.missing, network.rate),
    "delay": Kind("seconds added to the round trip", "5ms", parse_time, network.missing_delay, network.delay),
}


def _kind(name: str) -> Any:
    return option(None, KINDS[name].read, f"{KINDS[name].meaning}, such as {KINDS[name].example}")


@dataclass(frozen=True)
class Imposed:
    """The hop `bare` under overheads: bare itself where none is asked for."""

    name: ClassVar[str] = Bare.name
    takes_devices: ClassVar[bool] = False
    cpu_quota: float | None = _kind("cpu-quota")
    slowdown: float | None = _kind("slowdown")
    iops: float | None = _kind("iops")
    bandwidth: float | None = _kind("bandwidth")
    rate: float | None = _kind("rate")
    delay: float | None = _kind("delay")

    @property
    def overheads(self) -> dict[str, float]:
        """The overheads that are asked for, by the names of `KINDS`."""
        values = {key: getattr(self, key.replace("-", "_")) for key in options_of(self)}
        return {key: value for key, value in values.items() if value is not None}

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """util-linux and, without root, user namespaces; and what each overhead needs."""
        return [*Bare().missing(outer), *(lack for kind in self.overheads for lack in KINDS[kind].missing())]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Impose everything, then enter as bare does."""
        prefix: tuple[str, ...] = ()
        freezes: list[Callable[[], None]] = []
        thaws: list[Callable[[], None]] = []
        for kind, value in self.overheads.items():
            burden = KINDS[kind].impose(value, place, settings, stack)
            place, prefix = burden.place, (*prefix, *burden.prefix)
            freezes.append(burden.freeze)
            thaws.append(burden.thaw)
        prefix = (*prefix, *place.pins) if prefix else ()
        entry = rooted(place, settings, stack, [*prefix, *command(place)])
        return replace(entry, freeze=lambda: _all(freezes), thaw=lambda: _all(thaws))


def _all(actions: list[Callable[[], None]]) -> None:
    for action in actions:
        action()
