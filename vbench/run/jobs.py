"""One job in one instance: prepare it, run an iteration, and turn what came out into samples."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace

from vbench.errors import HostError, JobError, TargetError
from vbench.model import Failure, Sample
from vbench.run import around, sanity
from vbench.run.around import Around
from vbench.run.plan import Profile, Step
from vbench.run.times import JOBS, WARMUPS, Times
from vbench.store.bundle import Recorder
from vbench.targets.chain import Instance
from vbench.targets.pipe import Outcome
from vbench.targets.place import Settings
from vbench.workloads import Workload, expand, parse

COUNTERS = ("/proc/stat", around.DISKS, *sanity.INSIDE)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLOCK_SLACK, CLOCK_SHARE = 0.25, 0.05  # seconds, and share of the job, that the host may see it take longer
CLOCK_LEAD = 0.01  # seconds that it may seem to take longer in the target, by the grain of two clocks
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Setting:
    """What the jobs of a run share: their profile, the targets' settings, and the peer with its address."""

    profile: Profile
    settings: Settings
    peer: Instance
    peer_address: str
    times: Times = field(default_factory=Times)

    def values(self, workload: Workload, instance: Instance, port: int, where: str = "target") -> dict[str, str]:
        """Return what the placeholders of a workload's argv stand for, on the side on which it will run."""
        side = self.side(where, instance)
        return {
            "cpus": str(self.settings.cpus),
            "memory": str(self.settings.memory),
            "seconds": str(self.profile.seconds),
            "data": data_folder(workload, side),
            "shared": shared_folder(side),
            "work": work_folder(workload, side),
            "peer": self.peer_address,
            "port": str(port),
            "server": self.server_address(workload, instance),
        }

    def server_address(self, workload: Workload, instance: Instance) -> str:
        """Return where the job finds its server: on its own side over loopback, else across the network."""
        if workload.server is None or workload.server.where == workload.job.where:
            return LOOPBACK
        return self.peer_address if workload.server.where == "peer" else instance.place.address.partition("/")[0]

    def side(self, where: str, instance: Instance) -> Instance:
        """Return the instance in which a step of a workload runs."""
        return self.peer if where == "peer" else instance


def work_folder(workload: Workload, instance: Instance) -> str:
    """Return the folder of an instance that holds the workload's files."""
    return instance.place.path(f"work/{workload.name}")


def data_folder(workload: Workload, instance: Instance) -> str:
    """Return the folder of an instance's own disk that the workload may fill."""
    return f"{instance.place.data_folder}/{workload.name}"


def shared_folder(instance: Instance) -> str:
    """Return the folder of an instance's own disk that all its workloads share; no workload is called like it."""
    return f"{instance.place.data_folder}/shared"


def environment(padding: int = 0) -> dict[str, str]:
    """Return the whole environment of a job: the C locale, and padding that shifts its stack."""
    return {"LC_ALL": "C", "PATH": PATH, "HOME": "/tmp", "VBENCH_PADDING": "x" * padding}  # noqa: S108 - in the target


def put_files(workload: Workload, instance: Instance, *folders: str) -> None:
    """Put the workload's files into its folder in an instance, and make `folders` beside: one process makes all."""
    folder = work_folder(workload, instance)
    instance.place.run(["mkdir", "-p", folder, *folders])
    for name, content in workload.contents.items():
        instance.pipe.put(f"{folder}/{name}", content)


def prepare(workload: Workload, instance: Instance, setting: Setting) -> None:
    """Do what a workload needs once in a fresh instance, untimed: its files, its folder, its data laid out."""
    if "network" in workload.needs and not instance.place.address:
        raise JobError(f"'{workload.name}' cannot run there: no wire leads from the target to the peer.")
    disk = (data_folder(workload, instance), shared_folder(instance)) if "disk" in workload.needs else ()
    put_files(workload, instance, *disk)
    if workload.prepare:
        argv = expand(workload.prepare.argv, setting.values(workload, instance, 0))
        folder = work_folder(workload, instance)
        outcome = instance.pipe.exec(argv, timeout=workload.prepare.timeout, env=environment(), cwd=folder)
        if not outcome.ok:
            raise JobError(f"The preparation of '{workload.name}' in '{instance.target}' {outcome.complaint()}.")


@contextmanager
def serving(workload: Workload, instance: Instance, setting: Setting, port: int) -> Iterator[None]:
    """Run the workload's server on its side for the duration of one job."""
    server = workload.server
    if server is None:
        yield
        return
    side = setting.side(server.where, instance)
    argv = expand(server.argv, setting.values(workload, instance, port, server.where))
    blame = our_fault if server.where == "peer" else nullcontext
    with blame():
        folder = work_folder(workload, side)
        handle = side.pipe.start(argv, until=server.until, timeout=server.timeout, env=environment(), cwd=folder)
    try:
        yield
    finally:
        with blame():
            side.pipe.stop(handle)


@contextmanager
def our_fault() -> Iterator[None]:
    """Blame the host for what goes wrong with the peer: it is no target of anybody's."""
    try:
        yield
    except TargetError as error:
        raise HostError(error.message, "Look at the last lines of its console.", console=error.console) from None


def iterate(
    workload: Workload, step: Step, iteration: int, instance: Instance, setting: Setting, port: int, recorder: Recorder
) -> None:
    """Run one iteration and record its raw output and a sample for each metric."""
    side = setting.side(workload.job.where, instance)
    argv = expand(workload.job.argv, setting.values(workload, instance, port, workload.job.where))
    origin = Origin(step, iteration, warmup=iteration < setting.profile.warmups_in(step.block), instance=instance.ident)
    spent = setting.times.spent
    try:
        with spent("servers"), serving(workload, instance, setting, port):
            with spent("counters"):
                sources = around.sources_of(instance)
                before = sources.read()
            with spent(WARMUPS if origin.warmup else JOBS):
                outcome = side.pipe.exec(
                    argv,
                    timeout=workload.job.timeout,
                    env=environment(step.padding),
                    cwd=work_folder(workload, side),
                    watch=COUNTERS,
                )
            with spent("counters"):
                after = sources.read_back()
    except JobError as error:
        recorder.samples(origin.failures(workload, Failure("job", error.message)))
        return
    host = Around(setting.profile.seconds, before, after, sources.counted, sources.unknown)
    record = {"step": asdict(step), "iteration": iteration, "instance": instance.ident, "argv": argv, **asdict(outcome)}
    with spent("recording"):
        origin = replace(origin, raw=recorder.raw(step.number, iteration, {**record, "around": asdict(host)}))
        recorder.samples(derived(workload, origin, outcome, host))


@dataclass(frozen=True)
class Origin:
    """Where samples come from: the step and iteration, the instance, and the file with the raw output."""

    step: Step
    iteration: int
    warmup: bool
    instance: str = ""
    raw: str = ""

    def samples(
        self, workload: Workload, readings: Mapping[str, float | Failure], warnings: tuple[str, ...] = ()
    ) -> Iterator[Sample]:
        """Yield a sample for each metric of the workload: a number, or why there is none."""
        for metric in workload.metrics:
            reading = readings[metric.name]
            yield Sample(
                workload=workload.name,
                metric=metric.name,
                unit=metric.unit,
                better=metric.better,
                target=self.step.target,
                instance=self.instance,
                boot=self.step.boot,
                block=self.step.block,
                iteration=self.iteration,
                value=None if isinstance(reading, Failure) else reading,
                warmup=self.warmup,
                raw=self.raw,
                failure=reading if isinstance(reading, Failure) else None,
                warnings=warnings,
                zero=metric.zero,
            )

    def failures(self, workload: Workload, failure: Failure) -> Iterator[Sample]:
        """Yield a sample without a value for each metric of a job that gave none."""
        return self.samples(workload, dict.fromkeys((metric.name for metric in workload.metrics), failure))


def derived(workload: Workload, origin: Origin, outcome: Outcome, host: Around | None = None) -> Iterator[Sample]:
    """Yield the samples of a finished job; `vbench verify` derives them again from its raw output."""
    warnings = clock_warnings(outcome) + sanity.remarks(sanity.Job(workload, outcome, host or Around()))
    return origin.samples(workload, read(workload, origin.step.target, outcome), warnings)


def read(workload: Workload, target: str, outcome: Outcome) -> Mapping[str, float | Failure]:
    """Return a number or a failure for each metric of a finished job."""
    if not outcome.ok:
        failure = Failure("job", f"'{workload.job.argv[0]}' in '{target}' {outcome.complaint()}.")
        return dict.fromkeys((metric.name for metric in workload.metrics), failure)
    return parse(workload, outcome.stdout, outcome.wall)


def clock_warnings(outcome: Outcome) -> tuple[str, ...]:
    """Return a warning where the target's clock disagrees with ours on how long the job took."""
    gap = outcome.host_wall - outcome.wall
    if -CLOCK_LEAD <= gap <= CLOCK_SLACK + CLOCK_SHARE * outcome.host_wall:
        return ()
    return (
        f"clock: the job took {outcome.wall:.3f} s by the target's clock and {outcome.host_wall:.3f} s by the host's",
    )
