"""Estimators, intervals, verdicts and change points: pure functions, no I/O. MEASUREMENT.md is the specification."""

from vbench.stats.cells import cells
from vbench.stats.context import EVERY, Context
from vbench.stats.verdicts import noise_floor, suspects

__all__ = ["EVERY", "Context", "cells", "noise_floor", "suspects"]
