"""`vbench run --command`: a command line of the user's own, run by `sh -c` in every target."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from vbench.errors import InputError
from vbench.run.own import luggage, readings
from vbench.run.own.text import literal, made
from vbench.workloads import Reading, Workload

FAMILY = "own"
ARCHIVE = "files.tar"
GIVEN = ("cpus", "memory", "seconds", "data")  # placeholders that are variables of the command's shell
_SHORT = 40  # characters of the command in the workload's name
_SHOWN = 60  # in its summary


def workload(line: str, words: Sequence[str], files: Sequence[Path], timeout: int) -> Workload:
    """Return the workload `own.NAME` of a command line, named after it.

    `words` say where its metrics stand (`readings.reading`); without any, its metric is how long it took. `files`,
    which may be folders, lie in its working folder. `timeout` in seconds. Raises InputError for what is wrong in these.
    """
    metrics = [_reading(word) for word in words] or [readings.clock()]
    shown = " ".join(line.split())
    head = {
        "name": f"{FAMILY}.{named(line)}",
        "summary": f"`{shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + '...'}`",
        "measures": "What it says of itself." if words else "How long it takes, from its start to its end.",
        "exercises": "Whatever it does.",
        "working_set": "Unknown.",
        "voids": "Unknown: a command of the user's own.",
        "source": "vbench run --command",
        "tags": [FAMILY],
        "needs": ["disk"],
    }
    steps = {"job": {"argv": [*_variables(line), "sh", "-c", literal(line)], "timeout": timeout}}
    contents = {}
    if files:
        contents[ARCHIVE] = luggage.pack(_by_name(files))
        unpack = ["tar", "-x", "-f", f"{{work}}/{ARCHIVE}", "-C", "{work}"]
        steps = {"prepare": {"argv": unpack, "timeout": timeout}, **steps}
    return made(head, steps, metrics, contents)


def _variables(line: str) -> list[str]:
    """Return the beginning of an argv that sets the variables which a command line mentions.

    Only those: a job that is told its seconds is held to them (vbench.run.sanity).
    """
    wanted = [name for name in GIVEN if re.search(rf"\$\{{?{name}\b", line)]
    return ["env", *(f"{name}={{{name}}}" for name in wanted)] if wanted else []


def named(text: str, limit: int = _SHORT) -> str:
    """Return a text as the second part of a workload's name; one that is cut short is told by its digest.

    >>> named("make -C src bench")
    'make-c-src-bench'
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "command"
    return (
        name
        if len(name) <= limit
        else f"{name[: limit - 9].strip('-')}-{sha256(text.encode(errors='replace')).hexdigest()[:8]}"
    )


def _reading(word: str) -> Reading:
    try:
        return readings.reading(word)
    except InputError as error:
        raise InputError(f"In --parse '{word}': {error.message}", error.remedy) from None


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        name = path.absolute().name if path.name else path.resolve().name
        if not name or name in found or name == ARCHIVE:
            raise InputError(f"'{path}' has no name of its own in the working folder.", "Rename it, or leave it out.")
        found[name] = path
    return found
