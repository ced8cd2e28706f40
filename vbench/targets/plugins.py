"""The plug-in door: hops of third parties, by the entry points of the group `vbench.hops` (docs/plugins.md)."""

import re
from collections.abc import Container
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vbench.targets.hop import Hop
from vbench.targets.pipe import printable_lines

GROUP = "vbench.hops"
NAME = re.compile(r"[a-z][a-z0-9_-]*")  # what can stand in a path of hops
MEMBERS = ("name", "takes_devices", "missing", "enter")


@dataclass(frozen=True)
class Plugins:
    """Hops by their names, the package and version that each is from, and a sentence for each that was refused."""

    hops: dict[str, Hop] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def installed(taken: Container[str]) -> Plugins:
    """Return the plug-ins of this Python, by name; whatever is wrong with one harms none of the others.

    `taken` are the names that no plug-in may have.
    """
    found = Plugins()
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, origin(point))):
        try:
            hop = load(point, free=point.name not in taken and point.name not in found.hops)
        except Exception as error:  # noqa: BLE001 - somebody else's code may raise anything
            said = " ".join(printable_lines(f"{type(error).__name__}: {error}"))[:200]
            found.refused[point.name] = f"The hop '{point.name}' of '{origin(point)}' is left out: {said}."
        else:
            found.hops[point.name] = hop
            found.origins[point.name] = origin(point)
    return found


def load(point: EntryPoint, *, free: bool) -> Hop:
    """Return an entry point's hop, or the one that its class or function makes; raises for what is none."""
    if not free:
        raise ValueError("the name is taken")
    if not NAME.fullmatch(point.name):
        raise ValueError("a name begins with a letter and has only a-z, 0-9, '_' and '-' in it")
    loaded = point.load()
    is_hop = hasattr(loaded, "enter") and not isinstance(loaded, type)
    made: Any = loaded if is_hop else loaded()
    if lacking := [member for member in MEMBERS if not hasattr(made, member)]:
        raise TypeError(f"it has no '{lacking[0]}'")
    made.missing(())  # one that cannot say this would stop every list of targets
    hop: Hop = made
    return hop


def origin(point: EntryPoint) -> str:
    """Return the package and the version that an entry point is from."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
