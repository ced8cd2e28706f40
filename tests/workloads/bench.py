"""A bare instance and its peer, opened as a session opens them, in which tests run shipped jobs."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.run.command import temporary_home
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.model import Sample
from vbench.run import jobs
from vbench.run.machine import machine
from vbench.run.plan import PROFILES, Step
from vbench.run.session import PEER_TARGET
from vbench.store.bundle import Bundle, Recorder
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.network import PEER
from vbench.targets.place import Settings
from vbench.workloads import Workload

ROOT = os.getuid() == 0
SETTINGS = Settings()


@dataclass(frozen=True)
class Bench:
    """An open instance, what its jobs share, and a bundle for what they say."""

    instance: Instance
    setting: jobs.Setting
    bundle: Bundle
    steps: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self, workload: Workload) -> None:
        jobs.put_files(workload, self.setting.peer)
        jobs.prepare(workload, self.instance, self.setting)

    def iterate(self, workload: Workload, times: int = 1) -> list[Sample]:
        """Run so many iterations as a session does; return their samples as they were recorded."""
        number = next(self.steps)
        step = Step(number, boot=0, block=number, workload=workload.name, target="bare", padding=0)
        with Recorder(self.bundle) as recorder:
            for iteration in range(times):
                port = 20000 + 10 * number + iteration
                jobs.iterate(workload, step, iteration, self.instance, self.setting, port, recorder)
        return [sample for sample in self.bundle.samples() if sample.block == number]

    def ask(self, *argv: str) -> str:
        outcome = self.instance.pipe.exec(argv)
        assert outcome.ok, outcome.complaint()
        return outcome.stdout


@contextmanager
def opened(image: Image) -> Iterator[Bench]:
    """Open both; afterwards nothing is left."""
    with ExitStack() as stack:
        home = stack.enter_context(temporary_home(image.root.parent))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in home.environment().items():
            if name.startswith(("XDG_", "VBENCH_")):
                patch.setenv(name, value)
        ledger = stack.enter_context(Ledger())
        host = stack.enter_context(machine(image, ledger, SETTINGS.cpus, wired=True))

        def enter(name: str) -> Instance:
            place = stack.enter_context(host.place(name, peer=name == PEER_TARGET))
            return stack.enter_context(open_target(Catalogue({}).target("bare"), place, SETTINGS, ledger))

        bare, peer = enter("bare"), enter(PEER_TARGET)
        bundle = Bundle.create({}, Path(home.folder, "bundle"))
        yield Bench(bare, jobs.Setting(PROFILES["smoke"], SETTINGS, peer, PEER), bundle)
