"""Containers by an engine, which keeps images, a storage and a record of its containers: podman and docker."""

from vbench.image import Image
from vbench.targets.engines import daemon, podman_engine
from vbench.targets.engines.docker import Docker
from vbench.targets.engines.podman import Podman

ENGINES = (Podman(), Podman(rootless=True), Docker())

__all__ = ["ENGINES", "Docker", "Podman", "forget"]


def forget(image: Image) -> None:
    """Drop what engines keep of an image that was removed."""
    podman_engine.forget_removed()
    daemon.forget(image.digest)
