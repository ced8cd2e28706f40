"""A static site of many runs: an index, the report of each, the history of every workload, a feed."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vbench import __version__
from vbench.errors import InputError, VbenchError
from vbench.reports import write
from vbench.reports.finding import finding
from vbench.reports.history import History
from vbench.reports.of_bundle import table_of
from vbench.reports.page import feed, render
from vbench.reports.page.content import when
from vbench.reports.page.past import past
from vbench.store.bundle import Bundle

MADE = "made.json"  # beside a run's report: what it was made of and by, so that it is made once


@dataclass(frozen=True)
class Listed:
    """A run as the index and the feed show it; `stamp` is RFC 3339."""

    run: str
    created: str
    stamp: str
    machine: str
    targets: tuple[str, ...]
    finding: str


@dataclass(frozen=True)
class Published:
    """What was written: the index, the runs whose reports are new, and those that cannot be shown, with the reason."""

    index: Path
    fresh: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def publish(bundles: Sequence[Bundle], histories: Iterable[History], site: Path) -> Published:
    """Write the site into a folder, which is made; a run's report is written again only where the run changed."""
    listed, fresh, failed = [], [], []
    try:
        (site / "history").mkdir(parents=True, exist_ok=True)
        for bundle in bundles:
            try:
                fresh += [bundle.ident] if _report(bundle, site / "runs" / bundle.ident) else []
                listed.append(_listed(bundle))
            except VbenchError as error:
                failed.append((bundle.ident, error.message))
        names = list(_histories(histories, site / "history"))
        _index(listed, names, site)
    except OSError as error:
        raise InputError(f"The site cannot be written to '{site}': {error.strerror}.", "Name another folder.") from None
    return Published(site / "index.html", tuple(fresh), tuple(failed))


def _report(bundle: Bundle, folder: Path) -> bool:
    """Write the report of a run where there is none of this bundle by this version; return whether it was written."""
    made, own = folder / MADE, {"version": __version__, "bundle": _digest(bundle)}
    if made.is_file() and made.read_text() == json.dumps(own):
        return False
    write.write(bundle, folder)
    made.write_text(json.dumps(own))
    return True


def _digest(bundle: Bundle) -> str:
    """Return the SHA-256 of the bundle's seal; of its samples where it has none."""
    seal = bundle.folder / "digests.json"
    return hashlib.sha256((seal if seal.exists() else bundle.folder / "samples.jsonl").read_bytes()).hexdigest()


def _listed(bundle: Bundle) -> Listed:
    head, table = bundle.header, table_of(bundle)
    return Listed(
        run=bundle.ident,
        created=when(head),
        stamp=_stamp(float(head.get("created") or 0)),
        machine=str(head["host"].get("name") or "unknown"),
        targets=tuple(head["plan"]["targets"]),
        finding=finding(table)[0],
    )


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _histories(histories: Iterable[History], folder: Path) -> Iterator[str]:
    for found in histories:
        (folder / f"{found.workload}.html").write_text(past(found))
        yield found.workload


def _index(listed: Sequence[Listed], workloads: Sequence[str], site: Path) -> None:
    newest = sorted(listed, key=lambda one: one.stamp, reverse=True)
    (site / "index.html").write_text(render("site", runs=newest, workloads=sorted(workloads)))
    updated = newest[0].stamp if newest else _stamp(0)
    (site / "feed.xml").write_text(feed(runs=newest, updated=updated))
