"""A workload that opens an instance of its own: how it starts, what it holds idle, and how it ends.

What the host found is one JSON document, which stands where a job's output stands: the metrics are read from it, it is
the raw record, and `vbench verify` derives the samples from it again. Times are by the host's monotonic clock, from the
exec of the first hop. docs/decisions/lifecycle.md has what is timed and why.
"""

import json
import time
from dataclasses import asdict, replace

from vbench.errors import HostError, JobError, StoreError, TargetError, VbenchError
from vbench.model import Failure
from vbench.run import jobs
from vbench.run import lifecycle_files as files
from vbench.run import lifecycle_processes as processes
from vbench.run.lifecycle_density import crowd
from vbench.run.lifecycle_nursery import First, Nursery
from vbench.run.plan import Step
from vbench.run.times import JOBS, WARMUPS
from vbench.store.bundle import Recorder
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance
from vbench.targets.pipe import Outcome
from vbench.workloads import Workload, expand
from vbench.workloads.form import Opening

IDLE = 0.5  # seconds between the end of the first job and the look at the idle instance
GONE = 60.0  # seconds that an instance may take to end


def iterate(
    workload: Workload, step: Step, iteration: int, target: Target, nursery: Nursery, recorder: Recorder
) -> None:
    """Run one iteration in an instance of its own, and record what was found and a sample for each metric."""
    if workload.instance is None:
        raise ValueError("this workload opens no instance of its own")
    warmup = iteration < nursery.profile.warmups_in(step.block)
    origin = jobs.Origin(step, iteration, warmup=warmup)  # of no instance of the boot: every iteration has another
    if target.elsewhere:
        blind = f"'{workload.name}' cannot run on '{target.name}': this host sees nothing of another machine's memory."
        recorder.samples(origin.failures(workload, Failure("host", blind)))
        return
    first = first_of(workload, nursery, step)
    try:
        with nursery.times.spent("starting targets"):
            nursery.prepare(target, workload.instance.state)
        with nursery.times.spent(WARMUPS if warmup else JOBS):
            outcome = measured(workload.instance, first, target, nursery)
    except StoreError:
        raise
    except (TargetError, HostError, JobError) as error:
        recorder.samples(origin.failures(workload, failure(error)))
        return
    record = {"step": asdict(step), "iteration": iteration, "instance": "", "argv": first.argv, **asdict(outcome)}
    origin = replace(origin, raw=recorder.raw(step.number, iteration, record))
    recorder.samples(jobs.derived(workload, origin, outcome))


def first_of(workload: Workload, nursery: Nursery, step: Step) -> First:
    """Return the workload's job with all that it may name filled in."""
    settings = nursery.settings
    values = {"cpus": settings.cpus, "memory": settings.memory, "seconds": nursery.profile.seconds}
    return First(expand(workload.job.argv, values), workload.job.timeout, jobs.environment(step.padding))


def measured(opening: Opening, first: First, target: Target, nursery: Nursery) -> Outcome:
    """Return the outcome of the first job with what the host found in the place of its output.

    A job that failed is returned as it is. Raises TargetError, HostError and JobError.
    """
    started = time.monotonic()
    if opening.density:
        outcome, found = crowd(opening.density, first, target, nursery)
    else:
        outcome, found = life(opening, first, target, nursery)
    wall = time.monotonic() - started
    return replace(outcome, stdout=json.dumps(found), wall=wall, host_wall=wall) if outcome.ok else outcome


def life(opening: Opening, first: First, target: Target, nursery: Nursery) -> tuple[Outcome, dict[str, object]]:
    """Return the outcome of an instance's first job, and what the host saw of the instance: seconds and bytes."""
    with nursery.born(target, opening.state) as instance:
        outcome = first.run(instance)
        ended = time.monotonic()
        if not outcome.ok:
            return outcome, {}
        found: dict[str, object] = {"asked": opening.state, "first_job": ended - instance.pipe.started}
        time.sleep(IDLE)
        found |= idle(instance)
        told = time.monotonic()
        found["teardown"] = processes.end(instance, GONE)
    return outcome, {**found, "removal": time.monotonic() - told}


def idle(instance: Instance) -> dict[str, object]:
    """Return what there is of an instance that does nothing."""
    there = processes.seen(processes.behind(instance.pipe))
    image = {path: files.allocated([path]) for path in instance.entries[0].image()}
    return {
        "instance": instance.ident,
        "accelerator": instance.accelerator,
        "restored": instance.restored,
        "start": instance.seconds,
        "processes": [asdict(one) for one in there],
        "idle_memory": processes.total(one.pss for one in there),
        "read": processes.total(one.read for one in there),
        "image": image,
        "image_size": sum(image.values()) if image else None,
    }


def failure(error: VbenchError) -> Failure:
    """Return why there is no instance to measure."""
    if isinstance(error, HostError):
        return Failure("host", error.message)
    return Failure("job" if isinstance(error, JobError) else "target", error.message)
