"""From the user's choices to a finished bundle: find the image, prove the accelerator, make the plan, run, derive."""

import os
import platform
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from typing import Any

from rich.console import Console

from vbench import paths
from vbench.errors import HostError, InputError, unknown
from vbench.image import Image, check, find
from vbench.ledger import Ledger, boot_id
from vbench.model import BARE, Missing
from vbench.run.machine import machine
from vbench.run.plan import PROFILES, Plan, Profile, make_plan
from vbench.run.progress import Reporter
from vbench.run.session import Session
from vbench.run.stages import Precision, plan_of
from vbench.store import definitions
from vbench.store.bundle import Bundle, Recorder
from vbench.targets import accelerator, pyz
from vbench.targets.catalogue import Catalogue, Target
from vbench.targets.chain import open_target
from vbench.targets.place import Settings
from vbench.targets.variants import described
from vbench.workloads import Workload, select


@dataclass(frozen=True)
class Request:
    """What the user asked for, in the user's words."""

    targets: Sequence[str]
    workloads: Sequence[str]
    tags: Sequence[str]
    profile: str
    seed: int | None
    settings: Settings
    label: Mapping[str, str]
    shape: Profile | None = None  # measured instead of what the profile of that name says
    left_out: Mapping[str, Sequence[Missing]] = field(default_factory=dict)  # before this, and why
    remark: str = ""  # to be said as the run begins
    precision: Precision | None = None  # what the intervals are to reach, in two stages
    baseline: str | None = BARE  # what costs are relative to, if anything


@dataclass(frozen=True)
class Choice:
    """What will be run: targets, what was left out and why, workloads, settings."""

    targets: tuple[Target, ...]
    left_out: Mapping[str, Sequence[Missing]]
    workloads: tuple[Workload, ...]
    settings: Settings


def prove_accelerator(
    image: Image, ledger: Ledger, catalogue: Catalogue, settings: Settings, names: Sequence[str]
) -> None:
    """Find out, once a host boot, which accelerator boots our guest here, if guests are among the targets `names`."""
    if not catalogue.guests(names) or catalogue.target("kvm").missing():
        return

    def boot(kind: str) -> None:
        with ExitStack() as stack:
            host = stack.enter_context(machine(image, ledger, 1, wired=False))
            place = stack.enter_context(host.place("proof"))
            told = replace(settings, accelerator=kind, cpus=1)
            stack.enter_context(open_target(catalogue.target("kvm"), place, told, ledger))

    accelerator.prove(boot)


def new_run(
    request: Request, catalogue: Catalogue, known: Sequence[Workload], ledger: Ledger, console: Console
) -> Bundle:
    """Run what was asked for as a new bundle; what was sampled is kept, whatever ends the run."""
    if request.profile not in PROFILES:
        raise unknown("profile", request.profile, PROFILES)
    shape = request.shape or PROFILES[request.profile]
    shape = request.precision.first(shape) if request.precision else shape
    workloads, unwired = wired_only(select(known, request.workloads, request.tags), named=bool(request.workloads))
    baseline = catalogue.baseline(request.baseline)
    names = [*request.targets, *([baseline] if baseline else [])]
    for name in names:
        catalogue.check(name)
    paths.scratch()  # one that engines cannot take is refused before there is a run
    image = find(None)
    check(image)
    prove_accelerator(image, ledger, catalogue, request.settings, names)

    targets, left_out = catalogue.select(request.targets, baseline)
    choice = Choice(tuple(targets), {**left_out, **unwired, **request.left_out}, workloads, request.settings)
    seed = request.seed if request.seed is not None else random.SystemRandom().randrange(2**32)
    plan = make_plan(shape, seed, [t.name for t in targets], [w.name for w in workloads])
    asked = {"precision": asdict(request.precision)} if request.precision else {}
    head = header(choice, plan, image, catalogue, request.label)
    bundle = Bundle.create({**head, "baseline": baseline, **asked})
    definitions.keep(bundle.folder, workloads)
    console.print(f"Run {bundle.ident}: {len(plan.steps)} steps, seed {seed}.", markup=False)
    if request.remark:
        console.print(request.remark, markup=False, highlight=False, soft_wrap=True)
    _execute(bundle, choice, plan, image, ledger, console)
    return bundle


def wired_only(workloads: Sequence[Workload], *, named: bool) -> tuple[tuple[Workload, ...], dict[str, list[Missing]]]:
    """Return the workloads that can be run and those that need a network where we may not make one.

    Raises HostError where nothing is left, or where the user `named` one that must be left out.
    """
    if os.getuid() == 0:
        return tuple(workloads), {}
    lacking = Missing("root, who may make network namespaces,", "run as root, or choose other workloads")
    out = {workload.name: [lacking] for workload in workloads if "network" in workload.needs}
    rest = tuple(workload for workload in workloads if workload.name not in out)
    if out and (named or not rest):
        raise HostError(f"The workload '{next(iter(out))}' cannot run here: {lacking.what} is missing.", lacking.fix)
    return rest, out


def resumed_run(
    bundle: Bundle, catalogue: Catalogue, known: Sequence[Workload], ledger: Ledger, console: Console
) -> None:
    """Go on with a run at the exact iteration where it was cut off, refusing where what it ran has changed since."""
    head = bundle.header
    image = find(head["digests"]["image"])
    check(image)
    plan = plan_of(bundle)
    keys = {one.name for one in fields(Settings)}  # an older version kept a variant's options among them
    settings = Settings(**{key: value for key, value in head["settings"].items() if key in keys})
    prove_accelerator(image, ledger, catalogue, settings, plan.targets)
    workloads = definitions.kept(bundle.folder) | {workload.name: workload for workload in known}
    if changed := changes(head, plan, workloads, catalogue):
        remedy = "Start a new run: samples of two versions are never pooled."
        raise InputError(f"The run '{bundle.ident}' cannot go on: '{changed[0]}' has changed since.", remedy)
    targets = tuple(catalogue.runnable(name) for name in plan.targets)
    choice = Choice(targets, {}, tuple(workloads[name] for name in plan.workloads), settings)
    _execute(bundle, choice, plan, image, ledger, console)


def changes(head: Mapping[str, Any], plan: Plan, workloads: Mapping[str, Workload], catalogue: Catalogue) -> list[str]:
    """Return the names of what is no longer as it was when a run began."""
    proven = accelerator.known().accelerator == head["accelerator"]["accelerator"]
    same = {
        "the agent": pyz.digest() == head["digests"]["agent"],
        "the kernel": os.uname().release == head["host"]["kernel"],
        "the accelerator": proven or not catalogue.guests(plan.targets),
        **{name: _described(catalogue.target(name)) == was for name, was in head.get("variants", {}).items()},
        **{name: list(catalogue.brought.get(name, ())) == argv for name, argv in head["own_targets"].items()},
        **{
            name: name in workloads and workloads[name].digest == was["digest"]
            for name, was in head["workloads"].items()
        },
    }
    return [name for name, is_same in same.items() if not is_same]


def _execute(bundle: Bundle, choice: Choice, plan: Plan, image: Image, ledger: Ledger, console: Console) -> None:
    """Run the iterations that the bundle lacks; every one of them has left a sample of each of its metrics."""
    first = {w.name: w.metrics[0].name for w in choice.workloads}
    workloads = {workload.name: workload for workload in choice.workloads}
    with (
        Recorder(bundle) as recorder,
        machine(image, ledger, choice.settings.cpus, wired=os.getuid() == 0) as host,
        Reporter(console, len(plan.steps)) as reporter,
    ):
        recorder.trim({name: len(workload.metrics) for name, workload in workloads.items()})
        kept = (s for s in bundle.samples() if s.metric == first[s.workload])
        done = Counter((s.boot, s.block, s.workload, s.target) for s in kept)
        session = Session(plan, choice.targets, workloads, choice.settings, host, recorder, reporter)
        try:
            session.run({s.number: done[s.boot, s.block, s.workload, s.target] for s in plan.steps})
        except KeyboardInterrupt:
            reporter.say(f"Go on with `vbench run --resume {bundle.ident}`.")
            raise
        finally:
            recorder.times(reporter.times.seconds())


def header(choice: Choice, plan: Plan, image: Image, catalogue: Catalogue, label: Mapping[str, str]) -> dict[str, Any]:
    """Return run.json: all that must be known to repeat the run."""
    uname = os.uname()
    return {
        "created": time.time(),
        "plan": asdict(plan),
        "seed": plan.seed,
        "settings": asdict(choice.settings),
        "label": dict(label),
        "left_out": {name: [asdict(lack) for lack in lacking] for name, lacking in choice.left_out.items()},
        "own_targets": {name: list(argv) for name, argv in catalogue.brought.items()},
        "variants": {target.name: about for target in choice.targets if (about := _described(target))},
        "workloads": {w.name: {"version": w.version, "digest": w.digest, "tails": tails(w)} for w in choice.workloads},
        "digests": {
            "image": image.digest,
            "agent": pyz.digest(),
            **{name: record.sha256 for name, record in image.manifest.files.items()},
        },
        "accelerator": asdict(accelerator.known()),
        "host": {"name": uname.nodename, "kernel": uname.release, "arch": uname.machine, "boot": boot_id()},
        "versions": {name: version(name) for name in ("vbench-suite", "pydantic", "scipy", "qemu.qmp")}
        | {"python": platform.python_version()},
    }


def _described(target: Target) -> dict[str, str]:
    return described(target.options, target.hops)


def tails(workload: Workload) -> list[str]:
    """Return the names of a workload's metrics that are far quantiles."""
    return [metric.name for metric in workload.metrics if metric.tail]
