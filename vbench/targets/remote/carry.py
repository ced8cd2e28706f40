"""The workload image on its way to another machine: once per digest, whole or not at all."""

import logging
import time
from pathlib import Path

from vbench.image import Image, find
from vbench.image.manifest import FileName
from vbench.targets.engines import container
from vbench.targets.place import Place
from vbench.targets.remote.reach import Hold, Reach

CHUNK = 2**20
STALL = 60.0  # seconds in which a chunk must have been taken
SETTLE = 600.0  # seconds to unpack or import it on a slow disk
TOLD = 10.0  # seconds between two lines about it
FILES: dict[str, FileName] = {"rootfs": "rootfs.tar", "root.ext4": "root.ext4", "rootfs.tar": "rootfs.tar"}
_log = logging.getLogger(__name__)


def image_of(place: Place) -> Image:
    """Return the image that a place of this host serves."""
    return find(Path(place.rootfs).parent.name)


def give(reach: Reach, image: Image, engine: str, hold: Hold) -> None:
    """Let another machine's podman or docker import the image that was carried there; errors as in `carry`."""
    name = container.reference(image.digest)
    with reach.opened(hold, "give", image=image.digest, engine=engine, reference=name) as pipe:
        pipe.heard(SETTLE)


def carry(reach: Reach, image: Image, part: str, hold: Hold) -> None:
    """Bring a part of the image to another machine and wait until it is in its place there.

    Raises TargetError where the connection stalls or ends, or where the other side refuses what it got.
    """
    name = FILES[part]
    size, digest = image.manifest.files[name].size, image.manifest.files[name].sha256
    what = f"the workload image's {name} ({size / 1e6:.0f} MB) to '{reach.machine}', which lacks it"
    _log.info("Carrying %s.", what)
    told, sent = time.monotonic(), 0
    with (
        reach.opened(hold, "receive", image=image.digest, part=part, size=size, digest=digest) as pipe,
        image.file(name).open("rb") as source,
    ):
        while chunk := source.read(CHUNK):
            pipe.feed(chunk, STALL)
            sent += len(chunk)
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                _log.info("Carrying %s: %d %% are there.", what, 100 * sent // size)
        pipe.heard(SETTLE)
