"""Files to import, as read: which of their parts go under which workload, and whether they may be pooled."""

import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vbench.errors import InputError
from vbench.workloads import Workload
from vbench.workloads.foreign import LIMIT, Part, Report, read

UNKNOWN = "an unknown version"
_SHORT = 40  # characters of a part's name in the name of its workload
_NAMED = 10  # parts that an error lists


@dataclass(frozen=True)
class Origin:
    """A file to import and the target that it was measured on."""

    target: str
    path: Path


@dataclass(frozen=True)
class Taken:
    """A file as read: its origin, its text, and for each workload the position of its part in the report."""

    origin: Origin
    text: str
    report: Report
    parts: Mapping[str, int]

    @property
    def version(self) -> str:
        """The tool with its version."""
        return f"{self.report.tool} {self.report.version or UNKNOWN}"

    def part(self, workload: str) -> Part:
        """Return the part that goes under a workload."""
        return self.report.parts[self.parts[workload]]


def take(origins: Sequence[Origin], workload: str, part: str | None, own: Workload | None) -> list[Taken]:
    """Return the files as read; where each has one part, that is the workload, else each part is one of its own.

    `part` chooses parts by their name; `own` reads what no reader knows. Raises InputError for what is wrong in a file.
    """
    texts = [text_of(origin.path) for origin in origins]
    reports = [_report(origin, text, own) for origin, text in zip(origins, texts, strict=True)]
    chosen = [_chosen(origin, report, part) for origin, report in zip(origins, reports, strict=True)]
    single = all(len(positions) == 1 for positions in chosen)
    return [
        Taken(origin, text, report, {workload: kept[0]} if single else dict(_names(workload, report, kept)))
        for origin, text, report, kept in zip(origins, texts, reports, chosen, strict=True)
    ]


def text_of(path: Path) -> str:
    """Return the text of an output file: UTF-8, or UTF-16 with its mark; bytes of no text become U+FFFD.

    Raises InputError: no regular file, one that cannot be read, or more than the readers' limit.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a FIFO would wait forever
            raise InputError(f"'{path}' is no file.", "Name a regular file.")
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}.", "Give it, or name another.") from None
    if len(content) > LIMIT:
        raise InputError(f"'{path}' has more than {LIMIT} bytes.", "Split it.")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what a shell on Windows makes of `tool > file`
    return content.decode("utf-16" if marked else "utf-8-sig", "replace").replace("\r\n", "\n")


def _report(origin: Origin, text: str, own: Workload | None) -> Report:
    try:
        return read(text, own)
    except InputError as error:
        raise InputError(f"'{origin.path}' cannot be imported: {error.message}", error.remedy) from None


def _chosen(origin: Origin, report: Report, part: str | None) -> list[int]:
    positions = [place for place, one in enumerate(report.parts) if part in {None, one.name}]
    if not positions:
        names = ", ".join(sorted({f"'{one.name}'" for one in report.parts})[:_NAMED])
        raise InputError(f"There is no part '{part}' in '{origin.path}'.", f"It has {names}.")
    return positions


def _names(workload: str, report: Report, positions: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield workloads with their parts' positions: "disk.mix-seq-read"; parts whose names are alike are numbered."""
    counts: dict[str, int] = {}
    for position in positions:
        short = re.sub(r"[^a-z0-9]+", "-", report.parts[position].name.lower()).strip("-")[:_SHORT] or "part"
        count = counts[short] = counts.get(short, 0) + 1
        yield f"{workload}-{short}" + (f"_{count}" if count > 1 else ""), position


def mixtures(taken: Sequence[Taken]) -> dict[str, str]:
    """Return, for each workload whose files disagree in tool, version or job definition, a sentence that names both."""
    found: dict[str, str] = {}
    first: dict[str, Taken] = {}
    for one in taken:
        for workload in one.parts:
            said = _difference(first.setdefault(workload, one), one, workload)
            if said and workload not in found:
                found[workload] = f"The files of '{workload}' differ: {said}."
    return found


def _difference(one: Taken, other: Taken, workload: str) -> str | None:
    here, there = f"'{one.origin.path.name}'", f"'{other.origin.path.name}'"
    if one.version != other.version:
        return f"{here} is of {one.version}, {there} of {other.version}"
    mine, theirs = one.part(workload).definition, other.part(workload).definition
    for key in sorted(mine.keys() | theirs.keys()):
        if mine.get(key) != theirs.get(key):
            values = [f"'{found[key]}'" if key in found else "not set" for found in (mine, theirs)]
            return f"'{key}' is {values[0]} in {here} and {values[1]} in {there}"
    return None
