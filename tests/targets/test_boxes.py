"""Containers without an engine: what is inside is what was asked for, and nothing of it is left."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.agent.process import soon
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to, reaches_the_peer
from vbench.errors import TargetError
from vbench.targets.boxes import BOXES
from vbench.targets.chain import Instance

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="namespaces of these tools need root")]
NAMES = [box.name for box in BOXES]


def agents(instance: Instance) -> list[psutil.Process]:
    """The processes behind a pipe that run Python: the agent, seen from the host."""
    first = psutil.Process(instance.pipe.process.pid)
    return [one for one in (first, *first.children(recursive=True)) if one.name().startswith("python3")]


def groups_of_lxc() -> set[Path]:
    return set(Path("/sys/fs/cgroup").glob("*/lxc.*"))


def namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


@pytest.mark.parametrize("name", NAMES)
def test_a_box_is_confined_and_cannot_change_the_image(bench: Bench, name: str) -> None:
    before = groups_of_lxc()
    with bench.enter(name) as box:
        (agent,) = agents(box)
        assert memory_limit_of(agent.pid) == MEMORY
        assert pinned_to(box) == str(bench.host.target_cpus[0])
        assert reaches_the_peer(box)
        assert namespace(agent.pid) != namespace(os.getpid())
        assert not box.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(box, "echo x > /data/y; echo z > /tmp/w; cat /data/y") == "x"
        assert int(ask(box, "ls -d /proc/[0-9]* | wc -l")) < 8, "it sees its own processes only"
    assert not Path(bench.host.image.rootfs, "etc/changed").exists()
    assert groups_of_lxc() <= before, "lxc moves its monitor at last into a group that it does not remove"


@pytest.mark.parametrize("name", NAMES)
def test_a_box_whose_first_process_is_killed_is_gone(bench: Bench, name: str) -> None:
    with bench.enter(name) as box:
        (agent,) = agents(box)
        os.kill(box.pipe.process.pid, signal.SIGKILL)
        with pytest.raises(TargetError):
            box.pipe.exec(["sleep", "60"])
    assert soon(lambda: not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE)


def test_a_tool_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    fixes = [lack.fix for box in BOXES for lack in box.missing(())]
    packages = ("util-linux", "bubblewrap", "systemd-container", "lxc", "runc", "crun")
    assert fixes == [f"apt-get install {name}" for name in packages]


def test_what_the_image_brings_can_be_entered_inside_another(bench: Bench) -> None:
    with bench.enter("bwrap/unshare") as inner:
        assert len(inner.entries) == 2
        assert ask(inner, "echo x > /data/y; cat /data/y") == "x"
    lacking = bench.catalogue.target("bwrap/lxc").missing()
    assert [lack.what for lack in lacking] == ["lxc-execute in the workload image"]
    assert bench.catalogue.target("kvm/bwrap").missing() == bench.catalogue.target("kvm").missing()


@pytest.mark.slow
def test_a_box_in_a_guest_finds_the_guests_disk_and_network(bench: Bench) -> None:
    with bench.enter("kvm/bwrap") as inner:
        assert inner.accelerator in ("tcg", "kvm")
        assert ask(inner, "echo x > /data/y; cat /data/y") == "x"
        assert reaches_the_peer(inner)
        assert ask(inner, "cat /proc/1/comm") == "bwrap"
