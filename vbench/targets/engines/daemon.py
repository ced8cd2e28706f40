"""Docker's daemon: where it listens, what it is able to, and the images in it that are ours."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vbench.errors import HostError
from vbench.targets.engines.container import reference
from vbench.targets.spawn import run

SOCKET = "unix://"
ANSWER = 10.0  # seconds in which a daemon that lives answers


@dataclass(frozen=True)
class Daemon:
    """A daemon that answered: how the client calls it, its storage driver and where that keeps its layers.

    `cgroupfs` says that it makes control groups by itself, without systemd; `memory` and `cpus` that it can limit them.
    """

    words: list[str]
    driver: str
    root: Path
    cgroupfs: bool
    memory: bool
    cpus: bool


def endpoint() -> str:
    """Return where the client finds its daemon: by DOCKER_HOST, by the user's context, or the default socket."""
    try:
        return run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).decode().strip()
    except HostError:  # a context that is none
        return ""


def ask(host: str) -> Daemon | None:
    """Return the daemon that answers at `host`; None where none does."""
    words = ["docker", "--host", host]
    try:
        said: dict[str, Any] = json.loads(run([*words, "info", "--format", "{{json .}}"], timeout=ANSWER))
        return Daemon(
            words,
            said["Driver"],
            Path(said["DockerRootDir"]),
            said["CgroupDriver"] == "cgroupfs",
            said["MemoryLimit"],
            said["CPUSet"],
        )
    except (HostError, ValueError, KeyError):
        return None


def forget(digest: str) -> None:
    """Drop what was imported of an image into the daemon of this machine, where one answers."""
    if shutil.which("docker") and (host := endpoint()).startswith(SOCKET) and (daemon := ask(host)):
        known = run([*daemon.words, "image", "ls", "--quiet", reference(digest)])
        if known.strip():
            run([*daemon.words, "image", "rm", reference(digest)])
