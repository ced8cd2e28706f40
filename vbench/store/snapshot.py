"""Snapshots on disk: a folder that mirrors the machine's tree beside `vbench-snapshot.json`, or a tar of one."""

import io
import json
import os
import posixpath
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

from vbench.agent import collect_files
from vbench.errors import HostError, InputError
from vbench.probes import Snapshot
from vbench.store import tree
from vbench.store.mask import masked

JSON = "vbench-snapshot.json"
JSON_BYTES = 8 * 1024 * 1024
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.zst")
NAME_MAX = 255  # bytes of one step of a path


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
    """Write a snapshot as a folder, or as an archive where the name ends in .tar, .tar.gz, .tgz or .tar.zst.

    Identifying data is masked unless told otherwise. Raises InputError where something is there already, HostError
    where the disk refuses.
    """
    snapshot = masked(snapshot) if mask else snapshot
    about = {**snapshot.json, "links": dict(snapshot.links), "present": sorted(snapshot.present)}
    contents = {JSON: (json.dumps(about, indent=1) + "\n").encode()}
    contents.update((name.lstrip("/"), data) for name, data in snapshot.files.items() if _sound(name))
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"'{path}' is there already.", "Name something that does not exist yet.")
    try:
        if path.name.endswith(ARCHIVES):
            _pack(path, contents)
        else:
            path.mkdir(parents=True, exist_ok=True)
            for name, data in contents.items():
                _write(path / name, data)
    except OSError as error:
        raise HostError(f"'{path}' cannot be written: {error.strerror}.", "Choose another place.") from None


def _sound(name: str) -> bool:
    """Return whether a file's name, which may come from a hostile guest, stays below the folder."""
    inside = name.startswith("/") and not name.startswith("//") and posixpath.normpath(name) == name
    return inside and "\0" not in name and all(len(os.fsencode(step)) <= NAME_MAX for step in name.split("/"))


def _write(place: Path, data: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return  # a guest that sends /a and /a/b


def _pack(path: Path, contents: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zst":
        plain = io.BytesIO()
        _add(plain, "w:", contents)
        tree.zstd(plain.getvalue(), path)
    else:
        with path.open("wb") as file:
            _add(file, "w:" if path.suffix == ".tar" else "w:gz", contents)


def _add(file: IO[bytes], mode: Literal["w:", "w:gz"], contents: Mapping[str, bytes]) -> None:
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, data in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
