"""Workloads by name, glob and tag, and the form that other programs read."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from vbench import errors
from vbench.workloads.form import Workload


def select(workloads: Iterable[Workload], globs: Sequence[str] = (), tags: Sequence[str] = ()) -> tuple[Workload, ...]:
    """Return those whose name matches any of the globs and which have any of the tags; empty means all.

    Raises InputError: a glob that matches no name, a tag that no workload has, both together choose nothing.
    """
    every = tuple(workloads)
    for glob in globs:
        if not any(fnmatchcase(workload.name, glob) for workload in every):
            raise errors.unknown("workload", glob, (workload.name for workload in every))
    known = {tag for workload in every for tag in workload.tags}
    for tag in tags:
        if tag not in known:
            raise errors.unknown("tag", tag, known)
    chosen = tuple(workload for workload in every if _named(workload, globs) and _tagged(workload, tags))
    if not chosen and every:
        both = f"No workload is named '{', '.join(globs)}' and tagged '{', '.join(tags)}'."
        raise errors.InputError(both, "Leave out one of the two; 'vbench workloads' lists names and tags.")
    return chosen


def search(workloads: Iterable[Workload], words: Sequence[str]) -> tuple[Workload, ...]:
    """Return those in whose name, tags and summary every word occurs, in whatever case.

    Raises InputError where there is none.
    """
    found = tuple(one for one in workloads if all(word.lower() in _text(one) for word in words))
    if not found:
        said = " and ".join(f"'{word}'" for word in words)
        raise errors.InputError(f"No workload has {said} in its name, tags or summary.", "Search for less.")
    return found


def _text(workload: Workload) -> str:
    return " ".join((workload.name, *workload.tags, workload.summary)).lower()


def _named(workload: Workload, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(workload.name, glob) for glob in globs)


def _tagged(workload: Workload, tags: Sequence[str]) -> bool:
    return not tags or not set(tags).isdisjoint(workload.tags)


def as_json(workloads: Iterable[Workload]) -> dict[str, Any]:
    """Return what `vbench workloads --json` prints (DESIGN.md, "vbench.workloads/1")."""
    return {"schema": "vbench.workloads/1", "workloads": [_row(workload) for workload in workloads]}


def _row(workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name,
        "version": workload.version,
        "summary": workload.summary,
        "tags": list(workload.tags),
        "metrics": [{key: getattr(metric, key) for key in ("name", "unit", "better")} for metric in workload.metrics],
    }
