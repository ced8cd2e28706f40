"""A saved table or comparison under test: the runs that it names are verified, and it is derived from them again."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from vbench.errors import InputError, VbenchError
from vbench.model import BARE
from vbench.reports import ab, ab_render, as_json, compare, compare_render, costs, grid, render, verify, why, why_render
from vbench.reports.clean import printable
from vbench.reports.documents import SAVE, Document, documents, parse
from vbench.reports.finish import summary_of
from vbench.reports.of_bundle import NONE, table_of
from vbench.reports.origin import Origin
from vbench.reports.unlike import unlike
from vbench.store import session
from vbench.store.bundle import Bundle, find
from vbench.store.session import EDITED


@dataclass(frozen=True)
class Report:
    """What was looked at: the file, the runs that it names, and what is wrong with them or with it."""

    file: str
    runs: tuple[verify.Report, ...]
    findings: tuple[str, ...]
    literal: bool  # whether each byte is what is written today, and not only each number and word

    @property
    def verified(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def conclusion(self) -> str:
        """The outcome in one sentence."""
        names = ", ".join(f"'{run.run}'" for run in self.runs)
        if self.findings:
            return f"'{self.file}' is not what {names} gives: {len(self.findings)} findings."
        exact = "to the byte" if self.literal else "in each word, and in each number to nine digits"
        return f"'{self.file}' is verified: it follows from {names}, {exact}, and those from their raw outputs."


def check(file: Path, finder: Callable[[str], Bundle] = find) -> Report:
    """Return what is wrong with a saved document; InputError where it is none of ours, or its runs are not here.

    `finder` gives the bundle of a run's id, or raises InputError.
    """
    found = documents(file, _KINDS)
    bundles = {name: _found(file, name, finder) for one in found for name in _runs(file, one.origin)}
    runs = tuple(verify.check(bundle) for bundle in bundles.values())
    findings = [f"run '{run.run}': {finding}" for run in runs for finding in run.findings]
    literal = True
    for one in found:
        try:
            fresh = _KINDS[one.origin["schema"]][1](one.origin, bundles, one.form)
        except (VbenchError, *EDITED) as error:
            findings.append(f"{file.name}: it cannot be derived again: {error}")
        else:
            literal &= one.text.strip() == fresh.strip()
            findings += _different(one, fresh, file.name)
    return Report(str(file), runs, tuple(dict.fromkeys(map(printable, findings))), literal)


def as_document(report: Report) -> dict[str, Any]:
    """Return what `vbench verify --json` prints of a saved document."""
    runs = [verify.as_document(run) for run in report.runs]
    about = {"schema": verify.SCHEMA, "file": report.file, "runs": runs, "findings": list(report.findings)}
    return {**about, "literal": report.literal, "verified": report.verified}


def _runs(file: Path, origin: Origin) -> list[str]:
    """Return the runs that a document names; a name is no path."""
    names = [origin.get(key) for key in _KINDS[origin["schema"]][0]]
    plain = [name for name in names if isinstance(name, str) and name and "/" not in name and name[0] not in ".@"]
    if len(plain) != len(names):
        raise InputError(f"'{file}' does not name the run that it shows.", SAVE)
    return plain


def _found(file: Path, name: str, finder: Callable[[str], Bundle]) -> Bundle:
    try:
        bundle = finder(name)
    except InputError as error:
        raise InputError(f"'{file}' shows the run '{name}', which is not here.", "Copy it to the others.") from error
    if bundle.ident != name:
        raise InputError(f"'{file}' shows the run '{name}', which is not here.", "Copy it to the others.")
    return bundle


Bundles = Mapping[str, Bundle]


def _table(origin: Origin, bundles: Bundles, form: str) -> str:
    found = table_of(bundles[origin["run"]], margin=float(origin["margin"]), baseline=_baseline(origin))
    return _printed(render.render(found, form))


def _costs(origin: Origin, bundles: Bundles, form: str) -> str:
    found = costs.costs_of(bundles[origin["run"]], margin=float(origin["margin"]), baseline=_baseline(origin))
    return _printed(render.render(found, form))


def _why(origin: Origin, bundles: Bundles, form: str) -> str:
    names = str(origin["workload"]), str(origin["target"])
    found = why.explain(bundles[origin["run"]], *names, baseline=_baseline(origin))
    return _printed(grid.render(why_render.page(found), form))


def _ab(origin: Origin, bundles: Bundles, form: str) -> str:
    sides = str(origin["base"]), str(origin["new"])
    found = ab.compare(bundles[origin["run"]], *sides, margin=float(origin["margin"]))
    return _printed(grid.render(ab_render.page(found), form))


def _compare(origin: Origin, bundles: Bundles, form: str) -> str:
    sides = [session.read(bundles[origin[key]].folder, summary_of) for key in ("base", "new")]
    allowed = [one["name"] if isinstance(one, dict) else str(one) for one in origin["allowed"]]
    runs = [compare.Run(about, cells) for about, cells in sides]
    found = compare.compare(*runs, margin=float(origin["margin"]), allowed=allowed)
    return _printed(grid.render(compare_render.page(found), form))


def _baseline(origin: Origin) -> str:
    """Return the baseline as a user writes it."""
    return str(origin.get("baseline", BARE) or NONE)


def _printed(shown: object) -> str:
    if not isinstance(shown, str):
        raise TypeError("it is in no format that is saved")
    return shown


_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[Origin, Bundles, str], str]]] = {
    as_json.SCHEMA: (("run",), _table),
    costs.SCHEMA: (("run",), _costs),
    why_render.SCHEMA: (("run",), _why),
    ab_render.SCHEMA: (("run",), _ab),
    compare_render.SCHEMA: (("base", "new"), _compare),
}


def _different(saved: Document, fresh: str, name: str) -> Iterator[str]:
    if saved.form == "json":
        yield from unlike(parse(saved.text), json.loads(fresh), name)
    elif saved.form == "csv":
        yield from unlike(_lines(saved.text), _lines(fresh), name)
    else:
        yield from _unlike_lines(saved.text.strip().splitlines(), fresh.strip().splitlines(), name)


def _lines(text: str) -> list[dict[str, Any]]:
    return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


def _number(field: Any) -> Any:
    try:
        return float(field)
    except (TypeError, ValueError):
        return field


def _unlike_lines(saved: list[str], fresh: list[str], name: str) -> Iterator[str]:
    """Yield the lines that differ, each with the title that it stands under."""
    for what, first, last, start, end in SequenceMatcher(None, saved, fresh, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        title = next((line.strip("*# ") for line in reversed(fresh[:end]) if line.startswith(("**", "#"))), "")
        here, there = " / ".join(saved[first:last]), " / ".join(fresh[start:end])
        yield f"{name} line {first + 1} ({title}): it is {here!r}, and {there!r} is derived"
