"""The form of a hop: what it needs, and how it is entered from a place."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from vbench.errors import TargetError
from vbench.model import Missing
from vbench.targets.monitor import Control
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings


@dataclass(frozen=True)
class Entry:
    """A hop's argv in a place, and what to do once the agent behind it has said hello.

    `inside` returns the place that the next hop would run in; `settle` makes the inside ready for jobs where this hop
    is the last one, or the next one takes it as it is: it mounts the data disk and brings up the network. `pin` gives
    each vCPU of the process of that PID a CPU of its own and returns where they may run. `freeze` and `thaw` stop and
    continue an idle target. `image` names the files and folders of this place that the workload image is for this hop.
    `first` is what its program reads from the pipe before the agent speaks; `explain` says what the last words mean of
    one that did not come so far.
    """

    argv: list[str]
    inside: Callable[[Pipe], Place]
    settle: Callable[[Place], None] = lambda _place: None
    freeze: Callable[[], None] = lambda: None
    thaw: Callable[[], None] = lambda: None
    save: Callable[[], None] | None = None  # write a guest's state beside its memory's file, where there is one
    load: Callable[[], None] | None = None  # and go on from there
    image: Callable[[], tuple[str, ...]] = tuple
    pin: Callable[[int], Mapping[int, tuple[int, ...]]] = lambda _pid: {}
    control: Control | None = None  # of a guest on this host
    hello_seconds: float = 30.0
    patience: float = 10.0  # seconds in which it must end by itself after its pipe was closed
    first: bytes = b""
    explain: Callable[[TargetError], TargetError] = lambda error: error


class Hop(Protocol):
    """One way in; where it is a dataclass, the fields made by `vbench.targets.options.option` are its options.

    The first sentence of its module's docstring says what it is. A tuple `labels` may say what every cell behind it is
    labelled with, and `accelerators` what always runs its guest.
    """

    @property
    def name(self) -> str:
        """What it is called in a path."""
        ...

    @property
    def takes_devices(self) -> bool:
        """Whether it hands a guest's disk and network on to its own inside, so that they must not be in use before."""
        ...

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Return what the host lacks for this hop inside the hops `outer`, each with its fix; empty means runnable.

        A hop's own docstring here says what it needs: `vbench targets NAME` and docs/targets.md show that sentence.
        """
        ...

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Prepare in `place` what lives as long as the target (on `stack`) and return how to enter."""
        ...
