"""Placeholders in an argv: `{seconds}` and its like, filled in element by element and never by a shell."""

import re
from collections.abc import Mapping, Sequence

from vbench import errors

PLACEHOLDERS = {
    "cpus": "the number of CPUs that every target has",
    "memory": "the bytes of memory that every target has",
    "seconds": "the whole seconds that the profile gives a job",
    "work": "the folder with the workload's files, where small scratch files may go; the job's working folder",
    "data": "the workload's own folder on the target's disk path, empty in a fresh instance, kept between its jobs",
    "shared": "a folder on the same disk that all workloads of an instance share, for files that are laid out once",
    "peer": "the address of the peer, outside the target",
    "port": "a free port of the server's side",
    "server": "the address of the workload's server as the job reaches it",
}

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def expand(argv: Sequence[str], values: Mapping[str, object]) -> tuple[str, ...]:
    """Return the argv with every `{name}` replaced by its value, and `{{` and `}}` by a single brace.

    Raises InputError: a placeholder that is none of `values`, a lone brace.

    >>> expand(["awk", "{{print $1}}", "{work}/table"], {"work": "/tmp/x"})
    ('awk', '{print $1}', '/tmp/x/table')
    """

    def fill(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] is None:
            raise errors.InputError(f"'{match.string}' has a lone brace.", "Write '{{' or '}}' for a brace itself.")
        if match[1] not in values:
            raise errors.unknown("placeholder", match[0], (f"{{{name}}}" for name in values))
        return str(values[match[1]])

    return tuple(_BRACES.sub(fill, element) for element in argv)


def used(argv: Sequence[str]) -> frozenset[str]:
    """Return the names of the placeholders in the argv."""
    return frozenset(match[1] for element in argv for match in _BRACES.finditer(element) if match[1] is not None)
