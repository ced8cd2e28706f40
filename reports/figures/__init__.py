"""Charts of a run, each from one declarative specification (Vega-Lite, made with altair)."""

from vbench.reports.figures.frame import Figure
from vbench.reports.figures.heat import heat
from vbench.reports.figures.lines import percentiles, working_set
from vbench.reports.figures.overhead import control, overhead
from vbench.reports.figures.starts import starts

FIGURES = (
    Figure(
        "overhead",
        "Cost by workload and target",
        "A dot is the cost, the line its interval; hollow dots were emulated.",
        overhead,
    ),
    Figure("heat", "Cost at a glance", "The cost of every workload on every target; the darker, the more.", heat),
    Figure(
        "working-set", "Latency over the working set", "One line a target; dashed where it was emulated.", working_set
    ),
    Figure(
        "percentiles",
        "Percentiles of latency",
        "The median and the tails of every latency; dashed where it was emulated.",
        percentiles,
    ),
    Figure(
        "starts",
        "Start-up against footprint",
        "Seconds until an instance answers, and what it occupies when idle.",
        starts,
    ),
    Figure("control", "The A/A control", "The baseline under a second name: what differs here is noise.", control),
)

__all__ = ["FIGURES", "Figure"]
