"""The user's own way in: an argv from a TOML file with {command} and {rootfs} in it."""

import shutil
from contextlib import ExitStack

from vbench.errors import InputError
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.bare import command, rooted
from vbench.targets.hop import Entry
from vbench.targets.place import PYTHON, Place, Settings

COMMAND = "{command}"
ROOTFS = "{rootfs}"


class Argv:
    """A hop that a user wrote down.

    {command} becomes the agent's own argv and {rootfs} the workload image's root, prepared as for bare metal; an argv
    that does not name {rootfs} gets the chroot with {command}.
    """

    takes_devices = False

    def __init__(self, name: str, argv: tuple[str, ...]) -> None:
        self.name = name
        self.argv = argv
        if COMMAND not in argv:
            raise InputError(
                f"The argv of target '{name}' has no word '{COMMAND}'.", "Put it where the agent's argv goes."
            )

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Nothing but the program that the argv starts with."""
        found = outer or self.argv[0] == COMMAND or shutil.which(self.argv[0])
        return [] if found else [Missing(self.argv[0], f"install '{self.argv[0]}' or mend the argv of '{self.name}'")]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Fill in the argv and run it where the root is prepared."""
        agent = [*PYTHON, pyz.AGENT] if any(ROOTFS in word for word in self.argv) else command(place)
        words: list[str] = []
        for word in self.argv:
            words += agent if word == COMMAND else [word.replace(ROOTFS, place.rootfs)]
        return rooted(place, settings, stack, words)
