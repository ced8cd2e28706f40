"""The command lines of a target, from the code that runs them.

Every hop is prepared as for a run, in the place where it would run, the hops before it being really entered. Only the
last command is not executed, and all is undone. A second description of the commands, or a place on paper, would lie
sooner or later: runc's own example is part of what it is given, and what accelerates an inner guest only the outer one
knows.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vbench.ledger import Ledger
from vbench.targets.account import accounted
from vbench.targets.catalogue import Target
from vbench.targets.chain import prepare, step
from vbench.targets.place import Place, Settings
from vbench.targets.remote.elsewhere import Elsewhere
from vbench.targets.spawn import tied
from vbench.targets.variants import parse, unvaried

if TYPE_CHECKING:
    from vbench.targets.hop import Entry
    from vbench.targets.pipe import Pipe


@dataclass(frozen=True)
class Command:
    """A hop's command line, what vbench puts before it, and the path in whose agent it would be executed."""

    hop: str
    inside: str  # empty on this host
    before: tuple[str, ...]
    argv: tuple[str, ...]


def commands(target: Target, place: Place, settings: Settings, ledger: Ledger) -> Iterator[Command]:
    """Yield the command line of every hop of a target, outermost first. Raises what entering the target raises."""
    entries: list[Entry] = []
    pipe: Pipe | None = None
    words = parse(target.name).path.split("/")
    with ExitStack() as stack:
        for number, hop in enumerate(target.hops):
            inside = "/".join(words[:number])
            before = () if number else _before(stack, ledger)
            own = unvaried(hop)
            if isinstance(own, Elsewhere) and hop is target.hops[-1]:  # to prepare it would carry an image there
                yield Command(hop.name, inside, before, tuple(own.reach().argv()))
                return
            place, entry = prepare(target, number, place, settings, entries, stack)
            yield Command(hop.name, inside, before, tuple(entry.argv))
            if number < len(target.hops) - 1:
                pipe = step(target, entry, pipe, stack, ledger, hop)
                place = entry.inside(pipe)
                entries.append(entry)


def _before(stack: ExitStack, ledger: Ledger) -> tuple[str, ...]:
    """Return what ties a process to our life and counts its CPU time."""
    return tuple(tied(stack.enter_context(accounted(ledger))))
