"""A docker container of the workload image, by the daemon that the docker client finds on this machine.

The engine is in the data path: the client carries the pipe to the daemon, and that through a shim to the container.
"""

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from vbench.errors import HostError, TargetError
from vbench.ledger import new_name, start_time
from vbench.model import Missing
from vbench.targets.engines import container
from vbench.targets.engines.container import AGENT, VOLUME, Uplink
from vbench.targets.engines.daemon import SOCKET, Daemon, ask, endpoint
from vbench.targets.hop import Entry
from vbench.targets.options import one_of, option
from vbench.targets.pipe import Pipe
from vbench.targets.place import Place, Settings
from vbench.targets.spawn import run

DRIVER = "driver"
START = "start it (`systemctl start docker`, or `dockerd`), or set DOCKER_HOST=unix://SOCKET"
HERE = "a docker daemon of this machine"


@dataclass(frozen=True)
class Docker:
    """The hop `docker`."""

    name: ClassVar[str] = "docker"
    takes_devices: ClassVar[bool] = False
    storage: str = option(DRIVER, one_of("storage", (DRIVER, VOLUME)), "what jobs' data lies on")

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """docker, and a daemon of this machine that answers it."""
        if outer:
            return [Missing("docker in the workload image", "choose a container without a daemon there, such as bwrap")]
        if shutil.which("docker") is None:
            return [Missing("docker", "apt-get install docker.io")]
        if self.storage == VOLUME and os.getuid():
            return [Missing("root", f"run vbench as root, or take 'storage={DRIVER}'")]
        host = endpoint()
        if host and not host.startswith(SOCKET):
            return [Missing(HERE, f"'{host}' may be elsewhere: set DOCKER_HOST=unix://SOCKET")]
        daemon = ask(host)
        if daemon is None:
            return [Missing("a docker daemon that answers", START)]
        return [] if daemon.root.exists() else [Missing(HERE, START)]

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Import the image on first use and run the container; its network comes once it runs."""
        daemon = ask(endpoint())
        if daemon is None:
            raise HostError("No docker daemon answers.", f"Fix: {START}.")
        image, _ = container.import_image(place, daemon.words)
        name = new_name()
        orphans = stack.enter_context(ExitStack())  # ended after the container itself
        group = container.own_group(place, name, stack) if daemon.cgroupfs else []
        stack.enter_context(place.hold("docker", engine=daemon.words, name=name))
        there = cache(lambda: processes(daemon, name))
        uplink = container.veth_later(place, stack, lambda: there()[0]) if place.address else Uplink("none", "none")
        words = ["run", "--rm", "--interactive", f"--name={name}", "--pull=never", "--log-driver=none"]
        options = [f"--network={uplink.mode}", *group, *limits(place, settings, daemon)]
        argv = [*daemon.words, *words, *options, *container.mounts(place, self.storage), image, *AGENT]

        def inside(pipe: Pipe) -> Place:
            pipe.beyond = there
            return container.inner(place, pipe, self.storage if self.storage == VOLUME else daemon.driver, uplink)

        def settle(_inside: Place) -> None:
            for pid in there():  # the container and its shim outlive a daemon that is killed
                orphans.enter_context(place.hold("process", pid=pid, start=start_time(pid)))
            uplink.join()

        return Entry([*place.tools(), *argv], inside, settle, image=lambda: container.layer(daemon.words, image))


def processes(daemon: Daemon, name: str) -> tuple[int, int]:
    """Return the PIDs of a container's first process and of its shim; TargetError where it is not on this machine."""
    form = "{{.State.Pid}} {{.Id}}"
    pid, ident = run([*daemon.words, "container", "inspect", "--format", form, name]).decode().split()
    try:
        if ident in Path(f"/proc/{int(pid)}/cgroup").read_text():
            return int(pid), int(Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass
    raise TargetError(f"The container '{name}' has ended, or it is on another machine.")


def limits(place: Place, settings: Settings, daemon: Daemon) -> list[str]:
    """Return the options for the CPUs and the memory; what this daemon cannot limit is a warning of the target."""
    cpus, memory = container.limits(place, settings)
    found = []
    for able, word, what in ((daemon.cpus, cpus, "the choice of CPUs"), (daemon.memory, memory, "the memory limit")):
        if able:
            found.append(word)
        else:
            place.warnings.append(f"{what} is not applied: this docker daemon is not able to")
    return found
