"""Real targets, entered as a session enters them, and what tests ask inside."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vbench.run.machine import Machine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.place import Settings

MEBIBYTE = 2**20
MEMORY = 300 * MEBIBYTE
SETTINGS = Settings(cpus=1, memory=MEMORY)
OWN = {
    "own": ("env", "HOP=1", "{command}"),
    "rooted": ("env", "ROOTED=1", "chroot", "{rootfs}", "{command}"),
}
ROOT = os.getuid() == 0
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory") if Path("/sys/fs/cgroup/memory").is_dir() else Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Bench:
    """A machine with its ledger, and the targets by name."""

    host: Machine
    catalogue: Catalogue

    @contextmanager
    def enter(self, name: str, settings: Settings = SETTINGS) -> Iterator[Instance]:
        target, ledger = self.catalogue.target(name), self.host.ledger
        with self.host.place(name) as place, open_target(target, place, settings, ledger) as instance:
            yield instance


def ask(instance: Instance, script: str) -> str:
    outcome = instance.pipe.exec(["sh", "-c", script])
    assert outcome.ok, outcome.complaint()
    return outcome.stdout.strip()


def pinned_to(instance: Instance) -> str:
    return ask(instance, "sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status")


def memory_limit_of(pid: int) -> int:
    """The limit in bytes of the memory cgroup that a process of this host is in."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    group = next(path for _, kinds, path in lines if "memory" in kinds.split(",") or not kinds)
    name = "memory.limit_in_bytes" if MEMORY_GROUPS.name == "memory" else "memory.max"
    return int((MEMORY_GROUPS / group.lstrip("/") / name).read_text())


def reaches_the_peer(instance: Instance) -> bool:
    return instance.place.address.split("/")[0] in ask(instance, "ip -brief address")
