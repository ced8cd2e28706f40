"""Root's podman in its variants: what is inside is what was asked for, and nothing of it is left."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.agent.process import alive, soon
from tests.targets.engines import agent_of, listening, name_of, parent_of, seen_by_the_peer
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to
from vbench.errors import InputError, TargetError
from vbench.run.cost_behind import processes_of
from vbench.targets.catalogue import Catalogue
from vbench.targets.network import HOST

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="root's podman, and the network")]
VARIANTS = {  # name -> file system of /data, the way of the data, the way of packets, whether it has an address itself
    "podman": ("overlay", "overlay on", "veth on bridge", True),
    "podman:storage=volume:network=host": ("ext4", "bind mount on", "bridge", False),
    "podman:storage=fuse-overlayfs:network=slirp4netns": (
        "fuse.fuse-overlayfs",
        "fuse-overlayfs on",
        "slirp4netns on bridge",
        False,
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_confined_and_reaches_the_peer(bench: Bench, name: str) -> None:
    file_system, disk, wire, addressed = VARIANTS[name]
    with bench.enter(name) as podman, listening(bench):
        agent = agent_of(podman)
        assert memory_limit_of(agent) == MEMORY
        assert pinned_to(podman) == str(bench.host.target_cpus[0])
        assert ask(podman, "echo x > /data/y; cat /data/y") == "x"
        assert ask(podman, "df --output=fstype /data | tail -n 1") == file_system
        assert podman.place.disk_path.startswith(disk)
        assert podman.place.network_path == wire
        assert seen_by_the_peer(podman) == (podman.place.address.partition("/")[0] if addressed else HOST)
        assert not podman.place.warnings
    assert not alive(agent)


@pytest.mark.parametrize("victim", ["client", "conmon"])
def test_what_an_engine_leaves_when_it_is_killed_goes_with_the_target(
    bench: Bench, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vbench.targets.pipe.GRACE", 0.5)  # nobody says that conmon is gone
    with bench.enter("podman:storage=fuse-overlayfs:network=slirp4netns") as podman:
        assert ask(podman, "echo x") == "x"  # from its first job on the agent minds its parent
        agent = agent_of(podman)
        conmon = parent_of(agent)
        assert name_of(conmon) == "conmon"
        behind = processes_of(podman.pipe)
        assert {name_of(pid) for pid in behind} >= {"conmon", "fuse-overlayfs", "slirp4netns"}
        os.kill({"client": podman.pipe.process.pid, "conmon": conmon}[victim], signal.SIGKILL)
        if victim == "conmon":
            assert soon(lambda: not alive(agent)), "it ends with its parent"
        with pytest.raises(TargetError):
            podman.pipe.exec(["sleep", "60"], timeout=0.5)
    assert soon(lambda: not any(alive(pid) for pid in behind))


def test_a_choice_that_is_none_or_lacks_its_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="There is no storage 'zfs'"):
        Catalogue().target("podman:storage=zfs")
    with pytest.raises(InputError, match="There is no network 'bridge'"):
        Catalogue().target("podman:network=bridge")
    for program in ("podman", "runc"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not Catalogue().target("podman").missing()
    lacking = Catalogue().target("podman:storage=fuse-overlayfs:network=slirp4netns").missing()
    assert [lack.fix for lack in lacking] == ["apt-get install fuse-overlayfs", "apt-get install slirp4netns"]
