"""What an imposition makes: words before the agent's argv, another network namespace, processes that burn CPU."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from vbench.model import Missing
from vbench.targets.place import Place, Settings

ROOT = Missing("root", "run vbench as root: control groups and network namespaces are root's to make")


@dataclass(frozen=True)
class Burden:
    """What must change for an agent in `place` to bear it; `freeze` and `thaw` keep it from burdening the others."""

    place: Place
    prefix: tuple[str, ...] = ()
    freeze: Callable[[], None] = lambda: None
    thaw: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Kind:
    """A known overhead: how its value is read, what it needs here, and how it is imposed."""

    meaning: str
    example: str
    read: Callable[[str], float]
    missing: Callable[[], list[Missing]]
    impose: Callable[[float, Place, Settings, ExitStack], Burden]
