"""Run bundles as a real session writes them, with a job's output that says what the test wants it to say."""

import math
import random
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from vbench import config, paths
from vbench.model import BARE, CONTROL
from vbench.reports.finish import finish
from vbench.run import jobs
from vbench.run.plan import Profile, make_plan
from vbench.store import definitions
from vbench.store.bundle import Bundle, Recorder
from vbench.targets.pipe import Outcome
from vbench.workloads import Workload

WORKLOAD = "cpu.primes"
COSTS = {BARE: 1.0, CONTROL: 1.0, "kvm": 1.2, "podman": 1.02}
BROKEN: dict[str, dict[str, Any]] = {"kvm": {"status": 1, "stdout": "", "stderr": "no such device"}}
CPUINFO = "processor : 0\nmodel name : A Fast One\n\nprocessor : 1\nmodel name : A Fast One\n"
FACTS = {"proc/cpuinfo": CPUINFO, "proc/meminfo": "MemTotal: 16000000 kB\n", "proc/sys/kernel/osrelease": "6.1.0\n"}


@cache
def shipped(name: str = WORKLOAD) -> Workload:
    """Return a workload of ours."""
    return next(workload for workload in config.workloads() if workload.name == name)


def outcome(rate: float, **fields: Any) -> Outcome:
    """Return what sysbench leaves behind at a rate in 1/s."""
    said = f"CPU speed:\n    events per second: {rate:10.4f}\n"
    common: dict[str, Any] = {"status": 0, "signal": None, "timed_out": False, "wall": 1.0, "host_wall": 1.001}
    return Outcome(**{**common, "stdout": said, "stderr": "", "rusage": {}, "before": {}, "after": {}, **fields})


def make(
    ident: str,
    costs: Mapping[str, float] | None = None,
    *,
    boots: int = 10,
    noise: float = 0.005,
    seed: int = 1,
    created: float = 1_800_000_000.0,
    header: Mapping[str, Any] | None = None,
    workload: Workload | None = None,
    facts: Mapping[str, str] | None = None,
    odd: Mapping[str, Mapping[str, Any]] | None = None,
    done: bool = True,
) -> Bundle:
    """Return a run whose targets truly cost `costs`; `odd` has fields of the jobs' outcomes by target."""
    costs, workload = costs or COSTS, workload or shipped()
    chance = random.Random(seed)  # noqa: S311 - noise, not a secret
    plan = make_plan(Profile("test", boots, 2, 0, 1, 1), seed, list(costs), [workload.name])
    about: dict[str, Any] = {
        "created": created,
        "plan": asdict(plan),
        "seed": seed,
        "settings": {"cpus": 1, "memory": 2**29, "accelerator": "auto", "restored": False},
        "label": {},
        "left_out": {},
        "own_targets": {},
        "workloads": {workload.name: {"version": workload.version, "digest": workload.digest, "tails": []}},
        "digests": {"image": "1" * 64, "agent": "2" * 64},
        "host": {"name": "lab", "kernel": "6.1.0", "arch": "x86_64", "boot": "b"},
    }
    bundle = Bundle.create({**about, **(header or {})}, paths.runs() / ident)
    definitions.keep(bundle.folder, [workload])
    for name, text in {**FACTS, **(facts or {})}.items():
        place = bundle.snapshot_folder(BARE, "before") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    levels = {(step.target, step.boot): chance.gauss(0, noise) for step in plan.steps}
    with Recorder(bundle) as recorder:
        for target in costs:
            recorder.instance({"instance": f"{target}-x", "target": target, "boot": 0, "accelerator": None}
                              | {"labels": [], "restored": False, "warnings": []})  # fmt: skip
        for step in plan.steps:
            slow = math.exp(levels[step.target, step.boot] + chance.gauss(0, noise / 5))
            found = outcome(1000 / costs[step.target] / slow, **(odd or {}).get(step.target, {}))
            instance = f"{step.target}-{step.boot}"
            record = {"step": asdict(step), "iteration": 0, "instance": instance, "argv": ["sysbench"]}
            raw = recorder.raw(step.number, 0, {**record, **asdict(found)})
            origin = jobs.Origin(step, 0, warmup=False, instance=instance, raw=raw)
            recorder.samples(jobs.derived(workload, origin, found))
    if done:
        finish(bundle)
    return bundle


def edit(file: Path, old: str, new: str) -> None:
    """Change a file's text in one place; the place must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
