"""The output of a workload of vbench's form that was run by hand: the workload's own readings, as of a live job."""

from vbench.model import Metric
from vbench.workloads.foreign.report import Part, Reading, Report
from vbench.workloads.form import Workload
from vbench.workloads.outputs import parse


def read(text: str, workload: Workload) -> Report:
    """Return what the workload's metrics find in the text: numbers, or failures that say why there is none."""
    found = parse(workload, text)
    readings = [
        Reading(Metric(one.name, one.unit, one.better, tail=one.tail), found[one.name]) for one in workload.metrics
    ]
    definition = {"workload": workload.name, "digest": workload.digest}
    return Report(workload.job.argv[0], None, (Part(workload.name, tuple(readings), definition),))
