"""`vbench run`."""

from typing import TYPE_CHECKING, Annotated

import typer

from vbench.cli.common import err, out
from vbench.cli.own import (
    TIMEOUT,
    Command,
    Files,
    Own,
    Parse,
    Pytest,
    Site,
    Timeout,
    bring,
    selection,
    together,
    within,
)
from vbench.cli.targets import ConfigFile
from vbench.cli.workloads import Folders
from vbench.errors import INCONCLUSIVE, NOTHING, InputError, unknown

if TYPE_CHECKING:
    from vbench.config import Settings as OwnSettings
    from vbench.run.stages import Precision
    from vbench.targets.place import Settings

ACCELERATORS = ("auto", "kvm", "tcg")


def run(
    target: Annotated[list[str] | None, typer.Option(help="A target, a path such as kvm/kvm, or all.")] = None,
    workload: Annotated[list[str] | None, typer.Option(help="A workload or a glob such as 'disk.*'.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Workloads with this tag.")] = None,
    baseline: Annotated[str, typer.Option(help="What costs are relative to: a target, or none.")] = "bare",
    profile: Annotated[str, typer.Option(help="smoke, quick, standard or publish.")] = "standard",
    seed: Annotated[int | None, typer.Option(help="Repeat the order of another run.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of every target.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory of every target, such as 512M.")] = None,
    accelerator: Annotated[str, typer.Option(help="auto, kvm or tcg.")] = "auto",
    restored: Annotated[bool, typer.Option("--restored", help="Take guests from a memory snapshot.")] = False,
    label: Annotated[list[str] | None, typer.Option(help="Something to remember, as KEY=VALUE.")] = None,
    precision: Annotated[str | None, typer.Option(help="As many boots as this half-width takes, such as 2%.")] = None,
    boots_max: Annotated[int, typer.Option(min=1, help="Boots at the most, with --precision.")] = 60,
    resume: Annotated[str | None, typer.Option(help="Go on with a run that was cut off.")] = None,
    workload_dir: Folders = None,
    command: Command = None,
    parse: Parse = None,
    file: Files = None,
    pytest: Pytest = None,
    site: Site = None,
    timeout: Timeout = TIMEOUT,
    config: ConfigFile = None,
) -> None:
    """Run identical jobs on targets and print what each costs relative to bare metal, or to another baseline."""
    from vbench import config as configuration
    from vbench.ledger import Ledger
    from vbench.reports.finish import finish
    from vbench.reports.render import render
    from vbench.reports.second_stage import begin
    from vbench.run import execute
    from vbench.store import bundle
    from vbench.targets.catalogue import Catalogue

    own = configuration.read(config)
    shipped = configuration.workloads(workload_dir or ())
    mine = Own(command, parse or (), file or (), pytest, site or (), timeout)
    catalogue = Catalogue({name: way.argv for name, way in own.target.items()})
    with Ledger() as ledger:
        if resume:
            found = bundle.find(resume)
            execute.resumed_run(found, catalogue, shipped, ledger, err())
        else:
            settings = settings_of(own.settings, cpus, memory, accelerator, restored=restored)
            brought = bring(mine, catalogue, ledger, settings)
            known = together(shipped, brought.workloads)
            fresh = [*within(shipped, workload_dir or ()), *brought.workloads]
            chosen = selection(known, fresh, workload or (), tag or ())
            request = execute.Request(
                targets=target or ["all"],
                workloads=chosen.globs,
                tags=chosen.tags,
                profile=profile,
                seed=seed,
                settings=settings,
                label=labels(label or []),
                left_out=brought.left_out,
                remark=chosen.remark,
                precision=wanted(precision, boots_max, settings, baseline),
                baseline=None if baseline == "none" else baseline,
            )
            found = execute.new_run(request, catalogue, known, ledger, err())
        if begin(found, err()):
            execute.resumed_run(found, catalogue, shipped, ledger, err())
    table = finish(found)
    out().print(render(table, "table"))
    if all(cell.value is None for cell in table.cells):
        raise typer.Exit(NOTHING)
    if table.precision and table.precision.short:
        raise typer.Exit(INCONCLUSIVE)


def settings_of(
    own: "OwnSettings", cpus: int | None, memory: str | None, accelerator: str, *, restored: bool
) -> "Settings":
    """Return the targets' settings: the command line's, else the file's, else ours."""
    from vbench.run.machine import enough
    from vbench.targets.place import Settings
    from vbench.units import parse_size

    if accelerator not in ACCELERATORS:
        raise unknown("accelerator", accelerator, ACCELERATORS)
    ours = Settings()
    size = parse_size(memory) if memory else own.memory_bytes() or ours.memory
    enough(cpus or own.cpus or ours.cpus)
    return Settings(cpus=cpus or own.cpus or ours.cpus, memory=size, accelerator=accelerator, restored=restored)


def wanted(precision: str | None, most: int, settings: "Settings", baseline: str) -> "Precision | None":
    """Return the precision that was asked for. Raises InputError where nothing can reach one."""
    from vbench.run.stages import Precision
    from vbench.units import parse_share

    if precision is None:
        return None
    if baseline == "none":
        raise InputError(
            "There are no intervals to narrow without a baseline.", "Leave '--precision' away, or name a baseline."
        )
    if settings.restored:
        remedy = "Leave '--restored' away."
        raise InputError("Guests restored from one boot have no interval that more boots narrow.", remedy)
    return Precision(parse_share(precision), most)


def labels(words: list[str]) -> dict[str, str]:
    """Return KEY=VALUE words as a mapping. Raises InputError."""
    for word in words:
        if "=" not in word:
            raise InputError(f"The label '{word}' has no '='.", "Write it as KEY=VALUE.")
    return dict(word.split("=", 1) for word in words)
