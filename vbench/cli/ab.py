"""`vbench ab`: two variants interleaved on this host, the preferred form for CI on one machine."""

from typing import Annotated

import typer

from vbench.cli.common import conclude, err
from vbench.cli.own import selection, within
from vbench.cli.run import labels, settings_of
from vbench.cli.show import Margin
from vbench.cli.targets import ConfigFile
from vbench.cli.workloads import Folders

VARIANT = "A target, or one with options: kvm:qemu=/opt/bin/qemu, kvm:kernel=/boot/vmlinux, podman:runtime=crun."
NEW = "The variant to judge; the same as the first for an A/A. Left away, the first names a comparison: devices."


def ab(
    base: Annotated[str, typer.Argument(help=VARIANT)],
    new: Annotated[str | None, typer.Argument(help=NEW)] = None,
    workload: Annotated[list[str] | None, typer.Option(help="A workload or a glob such as 'disk.*'.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Workloads with this tag.")] = None,
    profile: Annotated[str, typer.Option(help="smoke, quick, standard or publish.")] = "standard",
    seed: Annotated[int | None, typer.Option(help="Repeat the order of another run.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of every target.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory of every target, such as 512M.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Something to remember, as KEY=VALUE.")] = None,
    margin: Margin = "3%",
    form: Annotated[str, typer.Option("--format", help="table, md or json.")] = "table",
    workload_dir: Folders = None,
    config: ConfigFile = None,
) -> None:
    """Say whether a variant is no worse than another: exit 0 if so, 1 regressed, 3 inconclusive, 4 measured nothing."""
    from vbench import config as configuration
    from vbench.ledger import Ledger
    from vbench.model import SECOND
    from vbench.reports import grid
    from vbench.reports.ab import compare
    from vbench.reports.ab_render import page
    from vbench.reports.finish import finish
    from vbench.run import execute
    from vbench.targets import comparisons
    from vbench.targets.catalogue import Catalogue
    from vbench.units import parse_share

    grid.known(form)
    share = parse_share(margin)
    if new is None:
        comparison = comparisons.named(base)
        base, new = comparison.base, comparison.new
    own = configuration.read(config)
    known = configuration.workloads(workload_dir or ())
    catalogue = Catalogue({name: way.argv for name, way in own.target.items()})
    first, second = catalogue.target(base).name, catalogue.target(new).name
    if first == second:
        second = catalogue.target(f"{first}{SECOND}").name
    settings = settings_of(own.settings, cpus, memory, "auto", restored=False)
    said = {"ab.base": first, "ab.new": second, **labels(label or [])}
    chosen = selection(known, within(known, workload_dir or ()), workload or (), tag or ())
    request = execute.Request(
        [first, second], chosen.globs, chosen.tags, profile, seed, settings, said, remark=chosen.remark
    )
    with Ledger() as ledger:
        bundle = execute.new_run(request, catalogue, known, ledger, err())
    finish(bundle)
    found = compare(bundle, first, second, margin=share)
    conclude(page(found), form, found.exit_code)
