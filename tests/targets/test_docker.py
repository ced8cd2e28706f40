"""Docker by a daemon of the tests' own: what is inside is what was asked for, and nothing of it is left."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.agent.process import alive, soon
from tests.run.command import SECONDS, Home, leftovers
from tests.targets.dockerd import Dockerd, dockerd
from tests.targets.engines import agent_of, listening, name_of, parent_of, seen_by_the_peer
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to
from vbench.errors import TargetError
from vbench.ledger import boot_id, undo
from vbench.targets.catalogue import Catalogue
from vbench.targets.engines.container import REPOSITORY, reference
from vbench.targets.engines.daemon import forget

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="the daemon and the network need root")]
VARIANTS = {  # name -> file system of /data, and the way of the data
    "docker": ("overlay", "overlay2 on"),
    "docker:storage=volume": ("ext4", "bind mount on"),
}


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[Dockerd]:
    """One daemon for all tests that need one, because it takes its time to import the image."""
    with dockerd() as daemon:
        yield daemon
        assert not daemon.docker("ps", "--all", "--quiet")


@pytest.fixture
def daemon(shared_daemon: Dockerd, monkeypatch: pytest.MonkeyPatch) -> Dockerd:
    """The same as the one that the docker client finds."""
    monkeypatch.setenv("DOCKER_HOST", shared_daemon.host)
    return shared_daemon


@pytest.mark.parametrize("name", VARIANTS)
def test_a_container_is_confined_and_reaches_the_peer(bench: Bench, daemon: Dockerd, name: str) -> None:
    file_system, disk = VARIANTS[name]
    assert not bench.catalogue.target(name).missing()
    with bench.enter(name) as box, listening(bench):
        agent = agent_of(box)
        assert memory_limit_of(agent) == MEMORY
        assert pinned_to(box) == str(bench.host.target_cpus[0])
        assert ask(box, "echo x > /data/y; cat /data/y") == "x"
        assert ask(box, "df --output=fstype /data | tail -n 1") == file_system
        assert box.place.disk_path.startswith(disk)
        assert box.place.network_path == "veth on bridge"
        assert seen_by_the_peer(box) == box.place.address.partition("/")[0]
        assert not box.place.warnings
    assert not alive(agent)
    assert not daemon.docker("ps", "--all", "--quiet")


@pytest.mark.parametrize("victim", ["client", "shim", "daemon"])
def test_what_is_left_when_a_part_of_the_engine_is_killed_goes_with_the_target(
    bench: Bench, daemon: Dockerd, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vbench.targets.pipe.GRACE", 0.5)
    assert daemon.process
    with bench.enter("docker") as box:
        agent = agent_of(box)
        shim = parent_of(agent)
        assert name_of(shim) == "containerd-shim"
        os.kill({"client": box.pipe.process.pid, "shim": shim, "daemon": daemon.process.pid}[victim], signal.SIGKILL)
        with pytest.raises(TargetError):
            box.pipe.exec(["sleep", "60"], timeout=0.5)
    assert soon(lambda: not alive(agent) and not alive(shim))
    if victim == "daemon":
        daemon.end(signal.SIGKILL)
        daemon.start()  # it removes what was started with --rm
    assert soon(lambda: not daemon.docker("ps", "--all", "--quiet"))


def test_after_sigkill_of_vbench_the_next_start_removes_the_container(shared_home: Home, daemon: Dockerd) -> None:
    home = shared_home
    home.workload("slow", "sleep 30; echo rate 42")
    home.workload("quick", "echo rate 42")
    process = home.start(target="docker", workload="own.slow", profile="quick")
    assert soon(lambda: bool(daemon.docker("ps", "--quiet")) or process.poll() is not None, SECONDS)
    assert process.poll() is None, home.said.read_text()
    made = home.entries()
    process.kill()
    process.wait()
    done = home.run(workload="own.quick")
    assert done.returncode == 0, done.stderr
    assert not leftovers(home, made)
    assert not daemon.docker("ps", "--all", "--quiet")


def test_the_ledger_removes_a_container_of_ours_and_no_other(daemon: Dockerd) -> None:
    daemon.docker("import", "/dev/null", reference("2" * 64))
    names = ("vbench-1-a", "somebodys")
    for name in names:
        daemon.docker("create", "--name", name, reference("2" * 64), "true")
        undo({"kind": "docker", "boot": boot_id(), "engine": ["docker", "--host", daemon.host], "name": name})
    assert daemon.docker("ps", "--all", "--format", "{{.Names}}") == "somebodys"
    daemon.docker("rm", "somebodys")
    undo({"kind": "docker", "boot": boot_id(), "engine": ["docker", "--host", "unix:///nowhere"], "name": names[0]})


def test_a_daemon_that_is_not_there_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Catalogue().target("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert [lack.what for lack in target.missing()] == ["a docker daemon that answers"]
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    (lack,) = target.missing()
    assert "'tcp://192.0.2.1:2375' may be elsewhere" in lack.fix
    monkeypatch.setenv("PATH", "/nowhere")
    assert [lack.fix for lack in target.missing()] == ["apt-get install docker.io"]


def test_an_image_that_is_removed_leaves_docker_too(daemon: Dockerd) -> None:
    for digit in "01":
        daemon.docker("import", "/dev/null", reference(digit * 64))
    forget("0" * 64)
    tags = daemon.docker("image", "ls", "--format", "{{.Tag}}", REPOSITORY).split()
    assert "1" * 24 in tags
    assert "0" * 24 not in tags
