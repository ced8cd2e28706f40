"""A plain user's podman in its variants: what works without root, what is said where a limit is not kept."""

import json
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.process import alive
from tests.run.command import Home, leftovers
from tests.run.users import plain_user, processes_of
from tests.targets.engines import agent_of, listening, seen_by_the_peer
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to
from vbench.targets.confine import controllers_delegated
from vbench.targets.engines.podman import DEVICES, FUSE, NO_MEMORY, SLIRP
from vbench.targets.network import HOST

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="only root makes users, and the network")]


@pytest.fixture(scope="module")
def user(shared_home: Home) -> Iterator[pwd.struct_passwd]:
    with plain_user(shared_home.folder / "rootless") as user:
        yield user


@pytest.fixture
def rootless(bench: Bench, user: pwd.struct_passwd, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A machine with a user to be rootless as."""
    monkeypatch.setenv("VBENCH_USER", user.pw_name)
    return bench


def open_to_all(program: str) -> bool:
    """Whether a plain user may open the device of a program."""
    return DEVICES[program].stat().st_mode & 0o006 == 0o006


def test_a_volume_and_a_veth_pair_from_root(rootless: Bench, user: pwd.struct_passwd) -> None:
    with rootless.enter("podman-rootless:storage=volume:network=veth") as podman, listening(rootless):
        agent = agent_of(podman)
        assert Path(f"/proc/{agent}").stat().st_uid == user.pw_uid
        assert pinned_to(podman) == str(rootless.host.target_cpus[0])
        assert ask(podman, "echo x > /data/y; cat /data/y") == "x"
        assert ask(podman, "df --output=fstype /data | tail -n 1") == "ext4"
        assert podman.place.disk_path.startswith("bind mount on")
        assert podman.place.network_path == "veth on bridge"
        assert seen_by_the_peer(podman) == podman.place.address.partition("/")[0]
        if controllers_delegated():
            assert memory_limit_of(agent) == MEMORY
        assert podman.place.warnings == ([] if controllers_delegated() else [NO_MEMORY])
    assert not alive(agent)
    assert not processes_of(user.pw_uid)


def test_its_usual_network_is_slirp_or_the_hosts_own(rootless: Bench) -> None:
    with rootless.enter("podman-rootless") as podman, listening(rootless):
        assert podman.place.network_path == (f"{SLIRP} on bridge" if open_to_all(SLIRP) else "bridge")
        assert ask(podman, "df --output=fstype /data | tail -n 1") == "overlay"
        assert seen_by_the_peer(podman) == HOST
        said = [warning for warning in podman.place.warnings if "the host's own stack" in warning]
        assert len(said) == (not open_to_all(SLIRP))


@pytest.mark.parametrize(("program", "option"), [(FUSE, "storage"), (SLIRP, "network")])
def test_a_choice_whose_device_is_roots_is_missing(rootless: Bench, program: str, option: str) -> None:
    name = f"podman-rootless:{option}={program}"
    lacking = rootless.catalogue.target(name).missing()
    if open_to_all(program):
        assert not lacking
        with rootless.enter(name) as podman, listening(rootless):
            assert seen_by_the_peer(podman) == HOST
    else:
        assert [lack.fix for lack in lacking] == [f"chmod 666 {DEVICES[program]}"]


def test_a_limit_that_is_not_kept_stands_in_every_cell(shared_home: Home, user: pwd.struct_passwd) -> None:
    home = shared_home
    home.workload("fine", "echo rate 42")
    done = home.run(target="podman-rootless", workload="own.fine", VBENCH_USER=user.pw_name)
    assert done.returncode == 0, done.stderr
    rows = json.loads(home.vbench("show", "--format", "json").stdout)["rows"]
    assert len(rows) == 3
    for row in rows:
        unlimited = row["target"] == "podman-rootless" and not controllers_delegated()
        assert any("the memory limit is not applied" in text for text in row["warnings"]) == unlimited
    assert not leftovers(home, [])
