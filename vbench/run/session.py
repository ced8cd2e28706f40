"""Execute a plan: a fresh instance of every target for each boot, one job at a time, every sample kept as it comes.

A target that cannot be started or dies loses the rest of its boot; its cells are recorded as failures with the reason,
the others go on, and the next boot tries it afresh. Nothing is retried until it looks good.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

from vbench.errors import HostError, JobError, StoreError, TargetError, VbenchError
from vbench.model import Failure, Sample
from vbench.probes.matters import DISK_PATH, IMAGE, MACHINE, NETWORK_PATH
from vbench.run import jobs, lifecycle
from vbench.run.lifecycle_nursery import Nursery
from vbench.run.machine import Machine
from vbench.run.plan import Plan, Step
from vbench.run.progress import Reporter
from vbench.run.times import OTHER
from vbench.store import snapshot
from vbench.store.bundle import Recorder
from vbench.targets.bare import Bare
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance, open_target
from vbench.targets.network import PEER
from vbench.targets.pinning import PINNING, described
from vbench.targets.place import Place, Settings
from vbench.targets.restore import Seed, open_restored, plant, restorable
from vbench.workloads import Workload

PEER_TARGET = "peer"
HERE = "this one"  # as the name of a machine
STOPPING, FREEZING = "stopping targets", "freezing targets"
FIRST_PORT = 20000


@dataclass
class Live:
    """An instance of the present boot and the stack that ends it; without an instance, `failure` says why."""

    stack: ExitStack
    instance: Instance | None = None
    failure: Failure | None = None
    unprepared: dict[str, str] = field(default_factory=dict)  # workload -> why its preparation failed

    def end(self, failure: Failure) -> None:
        """Note that the instance is lost, and remove what is left of it."""
        self.failure, self.instance = failure, None
        self.stack.close()


class Session:
    """Runs the steps of a plan that are not done yet."""

    def __init__(
        self,
        plan: Plan,
        targets: Sequence[Target],
        workloads: Mapping[str, Workload],
        settings: Settings,
        machine: Machine,
        recorder: Recorder,
        reporter: Reporter,
    ) -> None:
        self.plan = plan
        self.targets = {target.name: target for target in targets}
        self.workloads = workloads
        self.settings = settings
        self.machine = machine
        self.recorder = recorder
        self.reporter = reporter
        self.spent = reporter.times.spent
        self._seeds: dict[str, Seed] = {}
        self._stack = ExitStack()  # what lives as long as the run: the seeds
        self._peer = ExitStack()  # and the peer, which leaves where it must not be in the way
        self._peer_lives = False
        self._ports = itertools.cycle(range(FIRST_PORT, FIRST_PORT + 10000))

    def run(self, done: Mapping[int, int]) -> None:
        """Execute what is left; `done` says how many iterations of a step's number are recorded already."""
        with self._stack, self._peer:
            for boot in range(self.plan.profile.boots):
                steps = [step for step in self.plan.of_boot(boot) if done.get(step.number, 0) < self._jobs(step)]
                self.reporter.done += len(self.plan.of_boot(boot)) - len(steps)
                if steps:
                    self._boot(boot, steps, done)

    def _jobs(self, step: Step) -> int:
        return self.plan.profile.jobs_in(step.block)

    def _boot(self, boot: int, steps: Sequence[Step], done: Mapping[int, int]) -> None:
        """Make fresh instances of all targets, prepare them, run the boot's steps, and take everything down."""
        own = [step for step in steps if self.workloads[step.workload].instance]
        self._own(own, done)
        steps = [step for step in steps if not self.workloads[step.workload].instance]
        wanted: dict[str, list[str]] = defaultdict(list)
        if boot in (0, self.plan.profile.boots - 1):  # snapshots are taken of targets that have no other step, too
            wanted |= {step.target: [] for step in own}
        for step in steps:
            if step.workload not in wanted[step.target]:
                wanted[step.target].append(step.workload)
        if steps:
            self._call_peer()
        with self.spent(STOPPING), ExitStack() as stack, self.spent(OTHER):
            living = {name: self._open(name, boot, wanted[name], stack) for name in wanted}
            for step in steps:
                self.reporter.step(step)
                self._step(step, living[step.target], done.get(step.number, 0))
                self.reporter.finished()
            last = boot == self.plan.profile.boots - 1
            for name, live in living.items() if last else ():
                self._leave(live, name)

    def _own(self, steps: Sequence[Step], done: Mapping[int, int]) -> None:
        """Run the steps that open instances of their own, before anything else of the boot lives.

        Nothing then shares memory with them, or keeps in the page cache what must be cold.
        """
        if not steps:
            return
        self._peer.close()
        self._peer_lives = False
        with ExitStack() as stack:
            nursery = Nursery(self.machine, self.settings, self.plan.profile, self.reporter.times, stack)
            for step in steps:
                self.reporter.step(step)
                workload, target = self.workloads[step.workload], self.targets[step.target]
                for iteration in range(done.get(step.number, 0), self._jobs(step)):
                    lifecycle.iterate(workload, step, iteration, target, nursery, self.recorder)
                self.reporter.finished()

    def _call_peer(self) -> None:
        """Start the peer, unless it lives."""
        if self._peer_lives:
            return
        place = self._peer.enter_context(self.machine.place(PEER_TARGET, peer=True))
        peer = Target(PEER_TARGET, (Bare(),))
        instance = self._peer.enter_context(open_target(peer, place, self.settings, self.machine.ledger))
        self.setting = jobs.Setting(self.plan.profile, self.settings, instance, PEER, self.reporter.times)
        for workload in self.workloads.values():
            if "network" in workload.needs:  # no other has a step here
                jobs.put_files(workload, instance)
        self._peer_lives = True

    def _open(self, name: str, boot: int, workloads: Sequence[str], stack: ExitStack) -> Live:
        """Start one instance and prepare its workloads; a failure is kept, not raised."""
        self.reporter.doing(f"boot {boot + 1}: starting {name}")
        live = Live(stack.enter_context(ExitStack()))
        try:
            place = live.stack.enter_context(self.machine.place(name))
            with self.spent("starting targets"):
                live.instance = live.stack.enter_context(self._instance(self.targets[name], place))
            self._record(live.instance, boot)
            self._snapshot(live, "before", wanted=boot == 0)
            for workload in workloads:
                self._prepare(live, self.workloads[workload])
            if live.instance:
                with self.spent(FREEZING):
                    live.instance.freeze()
        except StoreError:
            raise
        except (TargetError, HostError, JobError) as error:
            self._lose(live, name, error)
        return live

    def _instance(self, target: Target, place: Place) -> AbstractContextManager[Instance]:
        """Return a cold instance, or one restored from the target's seed where the run's settings say so."""
        ledger = self.machine.ledger
        if not (self.settings.restored and restorable(target)):
            return open_target(target, place, self.settings, ledger)
        if target.name not in self._seeds:
            seed_place = self._stack.enter_context(self.machine.place(target.name))
            seed = self._stack.enter_context(plant(target, seed_place, self.settings, ledger))
            self._seeds[target.name] = seed
        return open_restored(self._seeds[target.name], place, self.settings, ledger)

    def _record(self, instance: Instance, boot: int) -> None:
        place = instance.place
        pinned = {PINNING: described(instance.vcpus)} if instance.vcpus else {}
        self.recorder.instance(
            {
                "instance": instance.ident,
                "target": instance.target,
                "boot": boot,
                "accelerator": instance.accelerator,
                "labels": list(place.labels),
                "restored": instance.restored,
                "seconds": instance.seconds,
                "facts": {
                    DISK_PATH: place.disk_path,
                    NETWORK_PATH: place.network_path,
                    MACHINE: place.machine or HERE,
                    IMAGE: place.image[:12],
                    **pinned,
                    **place.facts,
                },
                "warnings": list(place.warnings),
                "command": instance.entries[0].argv,
            }
        )

    def _snapshot(self, live: Live, when: str, *, wanted: bool = True) -> None:
        if live.instance is None or not wanted:
            return
        if when == "after":
            live.instance.thaw()
        with self.spent("snapshots"), self.recorder.snapshot(live.instance.target, when) as folder:
            if folder is not None:
                taken = snapshot.of_agent(live.instance.pipe.snapshot({"kvm": when == "before"}))
                snapshot.save(taken, folder)

    def _leave(self, live: Live, name: str) -> None:
        """Take the last snapshot; a target that dies before it has given all its samples already."""
        try:
            self._snapshot(live, "after")
        except StoreError:
            raise
        except (TargetError, HostError, JobError) as error:
            self.reporter.say(f"{error.message} There is no snapshot of '{name}' after the run.")

    def _prepare(self, live: Live, workload: Workload) -> None:
        if live.instance is None:
            return
        self.reporter.doing(f"preparing {workload.name} on {live.instance.target}")
        try:
            with self.spent("preparing"):
                jobs.prepare(workload, live.instance, self.setting)
        except JobError as error:
            live.unprepared[workload.name] = error.message

    def _step(self, step: Step, live: Live, first: int) -> None:
        """Run what is left of a step, or record why it cannot be run."""
        workload = self.workloads[step.workload]
        reason = live.failure
        if step.workload in live.unprepared:
            reason = Failure("job", live.unprepared[step.workload])
        for iteration in range(first, self._jobs(step)):
            if reason is not None or live.instance is None:
                self.recorder.samples(self._lost(step, iteration, reason or Failure("target", "it is gone")))
        if reason is None and live.instance is not None:
            self._measure(step, live, live.instance, workload, first)

    def _measure(self, step: Step, live: Live, instance: Instance, workload: Workload, first: int) -> None:
        iteration = first
        try:
            with self.spent(FREEZING):
                instance.thaw()
            while iteration < self._jobs(step):
                jobs.iterate(workload, step, iteration, instance, self.setting, next(self._ports), self.recorder)
                iteration += 1
            with self.spent(FREEZING):
                instance.freeze()
        except TargetError as error:
            self._lose(live, step.target, error)
            for late in range(iteration, self._jobs(step)):
                self.recorder.samples(self._lost(step, late, live.failure or Failure("target", error.message)))

    def _lost(self, step: Step, iteration: int, failure: Failure) -> Iterator[Sample]:
        origin = jobs.Origin(step, iteration, warmup=iteration < self.plan.profile.warmups_in(step.block))
        return origin.failures(self.workloads[step.workload], failure)

    def _lose(self, live: Live, name: str, error: VbenchError) -> None:
        live.end(Failure("host" if isinstance(error, HostError) else "target", error.message))
        self.reporter.say(f"{error.message} Its cells of this boot are recorded as failed. {error.remedy}".rstrip())
        for line in error.console.splitlines():
            self.reporter.say(f"  {name}: {line}")
