"""gVisor: its limits are put around it from outside, its network is its own, and whatever of it dies takes the rest."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.agent.process import soon
from tests.run.command import interrupted, leftovers, temporary_home
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, reaches_the_peer
from vbench.errors import TargetError
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.targets.boxes.gvisor_platform import PLATFORMS
from vbench.targets.catalogue import Catalogue
from vbench.targets.network import PEER

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="runsc needs root")]
PARTS = ("runsc", "runsc-sandbox", "runsc-gofer")
CALL = f"""
import socket
try:
    socket.create_connection(("{PEER}", 9), 5)
except OSError as error:
    print(type(error).__name__)
"""


def parts(pid: int) -> dict[str, psutil.Process]:
    """The processes of a sandbox by what they call themselves; those it traces have its name and come last."""
    first = psutil.Process(pid)
    found = [first, *first.children(recursive=True)]
    return {process.cmdline()[0]: process for process in reversed(found) if process.cmdline()}


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_sandbox_is_confined_and_cannot_change_the_image(bench: Bench) -> None:
    with bench.enter("gvisor") as box:
        inside = parts(box.pipe.process.pid)
        assert set(PARTS) <= set(inside)
        assert {memory_limit_of(process.pid) for process in inside.values()} == {MEMORY}
        assert all(process.cpu_affinity() == list(bench.host.target_cpus) for process in inside.values())
        assert ask(box, "uname -r") != os.uname().release, "it has a kernel of its own"
        assert not box.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(box, "echo x > /data/y; echo z > /tmp/w; cat /data/y") == "x"
        assert box.accelerator in PLATFORMS
    assert not Path(bench.host.image.rootfs, "etc/changed").exists()


def test_its_own_network_stack_is_on_our_segment(bench: Bench) -> None:
    with bench.enter("gvisor") as box:
        assert reaches_the_peer(box)
        assert ask(box, f"python3 -c '{CALL}'") == "ConnectionRefusedError", "the peer answers, and nobody listens"


def test_what_is_in_it_counts_as_memory_of_its_group(bench: Bench) -> None:
    with bench.enter("gvisor") as box, pytest.raises(TargetError):
        box.pipe.exec(["python3", "-c", f"bytearray({2 * MEMORY})"])


@pytest.mark.parametrize("part", PARTS)
def test_whatever_of_it_is_killed_takes_the_rest_along(bench: Bench, part: str) -> None:
    with bench.enter("gvisor") as box:
        inside = parts(box.pipe.process.pid)
        inside[part].kill()
        with pytest.raises(TargetError):
            box.pipe.exec(["ls", "/usr/bin"])
    assert soon(lambda: not any(map(alive, inside.values())))


def test_after_a_kill_of_vbench_the_next_start_leaves_nothing(image: Image) -> None:
    with temporary_home(image.root.parent) as home:
        home.workload("slow", "echo rate 2; sleep 3")
        process = home.start(target="gvisor")
        home.await_samples(1, process)
        inside, made = parts(home.process_of("gvisor")), home.started()
        assert "bundle" in {entry.get("kind") for entry in made}
        interrupted(process, signal.SIGKILL)
        assert soon(lambda: not any(map(alive, inside.values())))
        with Ledger(home.ledgers):
            pass
        assert not leftovers(home, made)


def test_a_platform_can_be_asked_for(bench: Bench) -> None:
    with bench.enter("gvisor:platform=ptrace") as box:
        assert box.accelerator == "ptrace"


def test_a_platform_that_does_not_start_is_missing(xdg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = xdg / "runsc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{xdg}:{os.environ['PATH']}")
    (lack,) = Catalogue().target("gvisor").missing()
    assert "systrap or ptrace" in lack.what
    (lack,) = Catalogue().target("gvisor:platform=kvm").missing()
    assert "kvm" in lack.what
    assert "gvisor:platform=" in lack.fix
