"""`--parse` words: NAME[:UNIT[:lower|higher]]=SOURCE, where SOURCE is a regular expression, or $.PATH into JSON."""

import re

from vbench.errors import InputError, unknown
from vbench.model import Better
from vbench.workloads.foreign.report import LARGEST, SMALLEST
from vbench.workloads.form import KNOWN, Reading, Unit

_WORD = re.compile(r"([a-z][a-z0-9_]*)(?::([^:=]+))?(?::(lower|higher))?=(.+)", re.DOTALL)
_FORM = "Write NAME[:UNIT[:lower|higher]]=PATTERN, such as 'rate:1/s=([0-9.]+) req/s', or NAME=$.PATH for JSON."

_LARGE = {"k": 1, "K": 1, "M": 2, "G": 3}  # powers of 1000, and of 1024 with an i
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_SIZES = {
    "B": 1.0,
    **{f"{letter}B": 1000.0**power for letter, power in _LARGE.items()},
    **{f"{letter}iB": 1024.0**power for letter, power in _LARGE.items()},
    **{f"{letter}bit": 1000.0**power / 8 for letter, power in _LARGE.items()},
}
UNITS: dict[str, tuple[Unit, float]] = {
    **{f"{prefix}s": ("s", scale) for prefix, scale in _SMALL.items()},
    **{f"{prefix}J": ("J", scale) for prefix, scale in _SMALL.items()},
    **{f"{prefix}W": ("W", scale) for prefix, scale in _SMALL.items()},
    **{size: ("B", scale) for size, scale in _SIZES.items()},
    **{f"{size}/s": ("B/s", scale) for size, scale in _SIZES.items()},
    **{f"{letter}/s": ("1/s", 1000.0**power) for letter, power in _LARGE.items()},
    "1/s": ("1/s", 1.0),
    "1": ("1", 1.0),
    "%": ("1", 1e-2),
}


def reading(word: str) -> Reading:
    """Return the metric that a word of `--parse` describes, in its base unit; InputError for what is wrong in it.

    >>> reading("latency:ms=mean ([0-9.]+)").scale
    0.001
    >>> reading("iops=$.jobs[0].read.iops").json
    'jobs[0].read.iops'
    """
    match = _WORD.fullmatch(word)
    if not match:
        raise InputError(f"'{word}' says of no metric where it stands.", _FORM)
    name, said, told, source = match.groups()
    unit, scale = _unit(name, said)
    better: Better = "higher" if told == "higher" else "lower" if told else _better(name, unit)
    in_json = source.startswith(("$.", "$["))
    return Reading(
        name=name,
        unit=unit,
        better=better,
        json=source.removeprefix("$").removeprefix(".") if in_json else None,
        pattern=None if in_json else source,
        scale=scale,
        low=SMALLEST,  # nobody knows what a command of the user's own may say
        high=LARGEST,
    )


def clock() -> Reading:
    """Return the metric of a command of which nothing is read: how long it took, by the target's own clock."""
    return Reading(name="duration", unit="s", better="lower", clock=True, low=SMALLEST, high=LARGEST)


def _unit(name: str, said: str | None) -> tuple[Unit, float]:
    if said is None:
        if name not in KNOWN:
            raise InputError(f"The unit of '{name}' is not known.", f"Write it behind a colon: '{name}:s=...'.")
        return KNOWN[name][0], 1.0
    if said not in UNITS:
        raise unknown("unit", said, UNITS)
    return UNITS[said]


def _better(name: str, unit: Unit) -> Better:
    if name in KNOWN:
        return KNOWN[name][1]
    if unit == "1":
        raise InputError(f"Nothing says whether more of '{name}' is better.", f"Write '{name}:1:lower=...' or higher.")
    return "higher" if unit.endswith("/s") else "lower"
