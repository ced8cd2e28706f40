"""Does an image still match its manifest? Cheap while the files' stat is what it was when they were last hashed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from vbench.errors import HostError
from vbench.image import store
from vbench.image.manifest import FileName
from vbench.image.store import Image

_STAMP = ".checked"


def check(image: Image) -> None:
    """Raise HostError if tar, disk, kernel or initramfs differ from the manifest.

    The change time counts beside size, time and inode: it cannot be set back as the modification time can.
    """
    now = {name: _identity(image.file(name)) for name in image.manifest.files}
    known = _stamp(image.root)
    for name, expected in image.manifest.files.items():
        if now[name] is None or (now[name] != known.get(name) and store.record(image.file(name)) != expected):
            what = "is missing" if now[name] is None else "was changed"
            remedy = f"Run `vbench image remove {image.short}`, then build or import it again."
            raise HostError(f"The image '{image.short}' does not match its digest: {name} {what}.", remedy)
    if now != known:
        _write(image.root / _STAMP, now)


def _identity(file: Path) -> list[int] | None:
    try:
        found = file.lstat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _stamp(folder: Path) -> dict[str, list[int]]:
    try:
        stamp = json.loads((folder / _STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write(stamp: Path, identities: Mapping[FileName, list[int] | None]) -> None:
    new = stamp.with_suffix(f".{os.getpid()}")
    try:
        new.write_text(json.dumps(identities))
        new.replace(stamp)
    except OSError:
        new.unlink(missing_ok=True)  # somebody else's image: it will be hashed again next time
