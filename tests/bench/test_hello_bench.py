"""The price of a hello: each engine as vbench starts it, against its own command line that starts Python to say a line.

By hand it is the same engine with the same options on the same root, CPU and network, and Python prints READY instead
of being the agent: no control groups of ours, no wrapper, no agent. What a ratio shows above 1 is all vbench's.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.sides import Say, interleave, ratio_line
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.run.machine import Machine, machine
from vbench.targets import pyz
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.place import PYTHON, Place, Settings

pytestmark = pytest.mark.bench
ROUNDS = 20
SETTINGS = Settings()
READY = [*PYTHON, "-c", "import posix; posix.write(1, b'READY\\n')"]
# Where an engine's own words begin in the argv of its hop: before that stands what vbench adds.
ENGINES = {
    "nspawn": "systemd-nspawn",
    "lxc": "lxc-execute",
    "runc": "runc",
    "crun": "unshare",  # crun refuses this host's control groups, by hand as well
    "gvisor": "unshare",  # runsc refuses this host's network namespaces
    "podman": "podman",
    "podman-rootless": "setpriv",
    "docker": "docker",
}


@pytest.fixture
def host(image: Image) -> Iterator[Machine]:
    with Ledger() as ledger, machine(image, ledger, 1, wired=True) as found:
        yield found


def ours(host: Machine, name: str) -> float:
    """Return the seconds from the exec of the hop to the agent's hello."""
    with host.place(name) as place, open_target(Catalogue().target(name), place, SETTINGS, host.ledger) as instance:
        return instance.seconds


def by_hand(host: Machine, name: str) -> float:
    """Return the seconds from the exec of the engine's own command line to the line that Python prints."""
    with ExitStack() as stack:
        place = stack.enter_context(host.place(name))
        argv = command_line(name, place, stack)
        os.sched_setaffinity(0, host.target_cpus)
        stack.callback(os.sched_setaffinity, 0, host.other_cpus)
        with subprocess.Popen(argv, stdin=-1, stdout=-1, stderr=-1, start_new_session=True) as process:
            started = time.monotonic()
            os.sched_setaffinity(0, host.other_cpus)
            said = process.stdout.readline() if process.stdout else b""
            seconds = time.monotonic() - started
            _, complaint = process.communicate(timeout=60)
        assert said == b"READY\n", complaint
        return seconds


def command_line(name: str, place: Place, stack: ExitStack) -> list[str]:
    """Return what a person would type for the engine of a target."""
    root = place.rootfs
    if name == "unshare":
        spaces = ["--mount", "--uts", "--ipc", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
        return ["unshare", *spaces, f"--root={root}", *READY]
    if name == "bwrap":
        mounts = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
        return ["bwrap", *mounts, "--unshare-all", "--die-with-parent", *READY]
    entry = Catalogue().target(name).hops[0].enter(place, SETTINGS, stack)
    config = Path(place.path("config.json"))
    if config.exists():
        document = json.loads(config.read_text())
        document["process"]["args"] = READY
        config.write_text(json.dumps(document))
    argv = entry.argv[entry.argv.index(ENGINES[name]) :]
    return [*up_to_agent(argv), *READY] if pyz.AGENT in argv else argv


def up_to_agent(argv: Sequence[str]) -> list[str]:
    """Return an engine's own words: all before the command that it is to run."""
    return list(argv[: next(place for place, word in enumerate(argv) if word.endswith(PYTHON[0]))])


@pytest.mark.parametrize("name", ["unshare", "bwrap", *ENGINES])
def test_a_container_says_hello_as_fast_as_its_engine_alone(host: Machine, say: Say, name: str) -> None:
    catalogue = Catalogue()
    if name not in catalogue.hops or catalogue.target(name).missing():
        say(f"{name}, exec to hello", "cannot run here", "ratio 1.10")
        return
    ours(host, name)  # the first imports the image
    pair = interleave(lambda: ours(host, name), lambda: by_hand(host, name), ROUNDS)
    say(f"{name}, exec to hello, against {name} by hand to Python's first line", ratio_line(*pair), "ratio 1.10")
