"""What the first stage of a run says of its second: the boots that each cell needs."""

from rich.console import Console

from vbench.reports.numbers import percent
from vbench.reports.of_bundle import context_of
from vbench.run import stages
from vbench.run.plan import read_plan
from vbench.run.stages import Need, Precision
from vbench.stats import cells
from vbench.stats.pairs import log_ratios
from vbench.stats.power import stein_boots
from vbench.stats.series import Key
from vbench.store.bundle import Bundle


def begin(bundle: Bundle, console: Console) -> bool:
    """Decide on the second stage of a run whose first is done, and keep it; return whether there is more to run.

    False for a run without a wanted precision, and for one that has its second stage already.
    """
    precision = stages.asked(bundle.header)
    if precision is None or stages.kept(bundle):
        return False
    first = read_plan(bundle.header)
    stage = stages.decide(first, precision, needs(bundle, precision))
    stages.keep(bundle, stage)
    for line in _told(stage, precision, first.profile.boots):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return bool(stage.plan.steps)


def needs(bundle: Bundle, precision: Precision) -> list[Need]:
    """Return what every cell with a ratio needs, by the samples of the first stage alone.

    Tail metrics keep their bootstrap, and instances that were restored from one boot have no spread: neither has a say.
    """
    pilot = read_plan(bundle.header).profile.boots
    samples = [sample for sample in bundle.samples() if sample.boot < pilot]
    context = context_of(bundle, samples)
    ratios = log_ratios(samples, context.baseline)
    found = []
    for cell in cells(samples, context):
        means = ratios.get((Key(cell.workload, cell.metric, cell.unit, cell.better), cell.target), [])
        ruled_out = (cell.workload, cell.metric) in context.tails or cell.target in context.restored
        if cell.comparable and len(means) > 1 and not ruled_out:
            found.append(Need(cell.workload, cell.metric, cell.target, stein_boots(means, precision.log)))
    return found


def _told(stage: stages.Stage, precision: Precision, first: int) -> list[str]:
    said = [f"The first stage is done: {first} boots. +-{percent(precision.half_width)} takes {stage.boots} boots."]
    if stage.needs:
        worst = max(stage.needs, key=lambda need: need.boots)
        said[0] += f" {worst.workload} {worst.metric} on {worst.target} decides: it needs {worst.boots}."
    short = [need for need in stage.needs if need.boots > precision.most]
    if short:
        names = ", ".join(f"{need.workload} {need.metric} on {need.target} ({need.boots})" for need in short)
        said.append(f"At most {precision.most} boots are made, which is too few for: {names}.")
    return said
