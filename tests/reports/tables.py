"""One small table with everything in it that a table can have."""

import io

from rich.console import Console

from tests.stats.samples import block, session
from vbench.model import Difference, Failure
from vbench.reports.render import render
from vbench.reports.table import Table, tabulate
from vbench.stats import EVERY, Context

NASTY = "=cmd|'x'!A1[red]<b>\x1b[2J"
_DIED = Failure("target", "The guest said nothing for 60 s; its last words: '[bold]panic[/bold]'.")
_RATE = {"workload": "cpu.primes", "metric": "rate", "unit": "1/s", "better": "higher"}
_DISK = {"workload": "disk.randread", "metric": "latency_p99", "unit": "s", "better": "lower"}

_DIFFERENCES = (Difference("kernel.release", "6.1.0-30", "6.12.9"), Difference("cpu.flags", "avx2", ""))


def everything() -> Table:
    """Return five verdicts, two families, a control, an emulated guest, a failure, a gap and a hostile name."""
    rates = {
        "bare": [[[4711.0]], [[4702.0]], [[4720.0]]],
        "bare2": [[[4708.0]], [[4711.0]], [[4709.0]]],
        "podman": [[[4709.0]], [[4699.0]], [[4721.0]]],
        "kvm": [[[879.0]], [[871.0]], [[884.0]]],
        NASTY: [[[3100.0]], [[3350.0]], [[2800.0]]],
    }
    latencies = {"bare": [[[0.00040]]], "bare2": [[[0.00041]]], "kvm": [[[0.0021]]]}
    samples = [
        *session(rates, **_RATE),
        *session(latencies, **_DISK),
        *block("kvm/kvm", 0, 0, [None], failure=_DIED, **_RATE),
        *block("podman", 0, 0, [0.0], **_DISK),
    ]
    context = Context(
        accelerators={"kvm": "tcg", "kvm/kvm": "tcg/kvm", "podman": "none"},
        differences=dict.fromkeys(((name, "kvm") for name in ("cpu.primes", _DISK["workload"])), _DIFFERENCES),
        withheld={(_DISK["workload"], "kvm"): ("O_DIRECT never reached the device",)},
        warnings={(EVERY, NASTY): ("a name | with `marks`",)},
    )
    return tabulate("20261120-a1b2", samples, context, notes=("'docker' was left out: there is no dockerd.",))


def printed(table: Table, width: int = 80, *, color: bool = False) -> str:
    """Return what a terminal of `width` columns shows, without the blanks at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(render(table, "table"))
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
