"""Show what would be run: the commands of targets on this machine, with its image, its network and its accelerator."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from vbench.errors import VbenchError
from vbench.image import find
from vbench.ledger import Ledger
from vbench.run.execute import prove_accelerator
from vbench.run.machine import machine
from vbench.targets.catalogue import Catalogue, Target
from vbench.targets.place import Place, Settings
from vbench.targets.shown import Command, commands


@dataclass(frozen=True)
class Shown:
    """A target's commands, the place that they are for, and what kept us from the rest of them, if anything did."""

    commands: tuple[Command, ...]
    place: Place
    obstacle: str | None


def show(targets: Sequence[Target], catalogue: Catalogue, settings: Settings, ledger: Ledger) -> list[Shown]:
    """Return what would be run for each target. Raises InputError where there is no workload image."""
    image = find(None)
    prove_accelerator(image, ledger, catalogue, settings, [target.name for target in targets])
    shown = []
    with machine(image, ledger, settings.cpus, wired=os.getuid() == 0) as host:
        for target in targets:
            with host.place(target.name) as place:
                shown.append(_shown(target, place, settings, ledger))
    return shown


def _shown(target: Target, place: Place, settings: Settings, ledger: Ledger) -> Shown:
    found: list[Command] = []
    try:
        found.extend(commands(target, place, settings, ledger))
    except VbenchError as error:
        return Shown(tuple(found), place, f"{error.message} {error.remedy}".strip())
    return Shown(tuple(found), place, None)
