"""Snapshots on disk: a folder that mirrors the machine's tree beside `vbench-snapshot.json`, or a tar of one."""

import json
import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vbench.agent import collect_files
from vbench.errors import HostError, InputError
from vbench.probes import Snapshot
from vbench.store import tree
from vbench.store.mask import masked

JSON = "vbench-snapshot.json"
JSON_BYTES = 8 * 1024 * 1024


def of_agent(collected: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that the agent sent."""
    return Snapshot.of(collected)


def load(path: Path) -> Snapshot:
    """Return a recorded machine: a folder, a tar (.gz, .zst), or a foreign tree of /proc and /sys without the json.

    Nothing outside the tree is read, whatever its links say; FIFOs and devices are passed over; sizes are bounded.
    Raises InputError where there is neither a folder nor an archive.
    """
    confined = tree.opened(path)
    errors: dict[str, str] = {}
    taken = collect_files.gather(confined.names, confined.contents, confined.target, confined.exists, errors)
    about = _json(confined)
    links = {**_texts(about.get("links")), **taken["links"]}
    listed = about.get("present")
    present = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    files = {path: data for path, (_, data) in taken["contents"].items()}
    return Snapshot(files, links, frozenset((*taken["present"], *present)), about)


def _json(confined: tree.Confined) -> dict[str, Any]:
    try:
        found = json.loads(confined.contents(JSON, JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    return {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def save(snapshot: Snapshot, path: Path, *, mask: bool = True) -> None:
    """Write a snapshot as a folder, with identifying data masked unless told otherwise.

    Raises InputError where something is there already, HostError where the disk refuses.
    """
    snapshot = masked(snapshot) if mask else snapshot
    about = {**snapshot.json, "links": dict(snapshot.links), "present": sorted(snapshot.present)}
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise InputError(f"The folder '{path}' is not empty.", "Name one that does not exist yet.")
        (path / JSON).write_text(json.dumps(about, indent=1) + "\n")
        for name, data in snapshot.files.items():
            if _sound(name):
                _write(path, name, data)
    except OSError as error:
        raise HostError(f"'{path}' cannot be written: {error.strerror}.", "Choose another place.") from None


def _sound(name: str) -> bool:
    """Return whether a file's name, which may come from a hostile guest, stays below the folder."""
    return name.startswith("/") and posixpath.normpath(name) == name and "\0" not in name and not name.startswith("//")


def _write(folder: Path, name: str, data: bytes) -> None:
    place = folder / name.lstrip("/")
    if max(map(len, map(os.fsencode, place.parts))) > 255 or len(name) > 1024:  # noqa: PLR2004 - NAME_MAX
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return  # a guest that sends /a and /a/b
