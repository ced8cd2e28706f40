"""A job slowed by an exact share: a process on each of the target's CPUs burns it while the target is measured."""

import os
import signal
from contextlib import ExitStack, suppress

from vbench.targets.impose.burden import Burden
from vbench.targets.impose.helper import helper
from vbench.targets.place import Place, Settings


def slowdown(overhead: float, place: Place, settings: Settings, stack: ExitStack) -> Burden:
    """Make a job cost 1 + `overhead`: of every CPU 1 - 1 / (1 + overhead) is burnt."""
    share = 1 - 1 / (1 + overhead)
    cpus = place.cpus[: settings.cpus]
    pids = [stack.enter_context(helper(place, "burn.py", [str(cpu), repr(share)])) for cpu in cpus]

    def tell(number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    return Burden(place, freeze=lambda: tell(signal.SIGSTOP), thaw=lambda: tell(signal.SIGCONT))
