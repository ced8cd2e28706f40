"""Workloads: the form of the TOML file that describes one, its argv, and the reading of what its job printed.

Nothing here touches a file; `vbench.config` finds and reads them.
"""

from vbench.workloads.argv import PLACEHOLDERS, expand
from vbench.workloads.catalogue import as_json, search, select
from vbench.workloads.form import Reading, Server, Step, Workload, load
from vbench.workloads.outputs import LIMIT, parse

__all__ = [
    "LIMIT",
    "PLACEHOLDERS",
    "Reading",
    "Server",
    "Step",
    "Workload",
    "as_json",
    "expand",
    "load",
    "parse",
    "search",
    "select",
]
