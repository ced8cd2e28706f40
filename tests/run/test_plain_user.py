"""Without root: what works, what says why not; and podman as a plain user's."""

import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from tests.run.command import ROOT, SECONDS, Done, Home, leftovers, temporary_home
from tests.run.users import packages, plain_user, processes_of, python_for_all
from vbench.image import Image

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root makes users")


@pytest.fixture
def user(shared_home: Home) -> Iterator[pwd.struct_passwd]:
    with plain_user(shared_home.folder / "user") as user:
        yield user


@pytest.mark.real
def test_rootless_podman_beside_root(shared_home: Home, user: pwd.struct_passwd) -> None:
    home = shared_home
    home.workload("who", "read -r inside outside count </proc/self/uid_map; echo rate $((outside % 1000 + 1))")
    done = home.run(target="podman-rootless", workload="own.who", VBENCH_USER=user.pw_name)
    assert done.returncode == 0, done.stderr
    value = {line["target"]: line["value"] for line in home.lines()}
    assert value["bare"] == 1.0
    assert value["podman-rootless"] == user.pw_uid % 1000 + 1, "root inside is the user outside"
    instance = next(line for line in home.lines("instances.jsonl") if line["target"] == "podman-rootless")
    assert instance["labels"] == ["rootless"]
    assert any("memory limit is not applied" in warning for warning in instance["warnings"])
    assert f"--reuid={user.pw_uid}" in instance["command"]
    assert not leftovers(home, [])
    assert not processes_of(user.pw_uid), "not even podman's pause process"


def test_who_cannot_be_rootless_is_told_why(home: Home) -> None:
    home.workload("fine", "echo rate 42")
    for name in ("root", "nobody-of-that-name", ""):
        done = home.run(target="podman-rootless", VBENCH_USER=name)
        assert done.returncode == 2
        assert "'podman-rootless' cannot run here: a plain user to be rootless as is missing." in done.stderr
        assert "VBENCH_USER" in done.stderr


@pytest.fixture
def users_home(image: Image, user: pwd.struct_passwd) -> Iterator[Home]:
    """A home that belongs to the plain user, with the image in it, as links to its files."""
    with temporary_home(image.root.parent) as home:
        (home.data / "images").unlink()
        (home.data / "images").mkdir()
        subprocess.run(["cp", "-al", str(image.root), str(home.data / "images")], check=True)
        for path in (home.folder, *home.folder.glob("*"), home.data, home.data / "images"):
            os.chown(path, user.pw_uid, user.pw_gid)
        yield home


# As docs/decisions/devices.md gives it: namespaces in which a plain user may make networks, and mount what they need.
NAMESPACES = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c"]
NAMESPACES += ['mount -t tmpfs run /run && exec "$@"', "sh"]


def as_user(home: Home, user: pwd.struct_passwd, *words: str, inside: Sequence[str] = ()) -> Done:
    """Run vbench as that user, with nothing of root's but the code."""
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--"]
    argv = [*become, *inside, python_for_all(), "-m", "vbench", *words]
    env = home.environment(PYTHONPATH=f"{ROOT}:{packages()}", HOME=user.pw_dir, PYTHONDONTWRITEBYTECODE="1")
    return subprocess.run(argv, cwd=home.folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_a_plain_user_measures_bare_and_is_told_what_it_lacks(users_home: Home, user: pwd.struct_passwd) -> None:
    home = users_home
    home.workload("fine", "touch /data/x && echo rate 42")
    own = ["--workload-dir", str(home.folder / "workloads"), "--profile", "smoke"]
    done = as_user(home, user, "run", "--target", "bare", "--workload", "own.*", *own)
    assert done.returncode == 0, done.stderr
    assert [line["value"] for line in home.lines()] == [42.0, 42.0]
    assert all("memory limit is not applied" in line["warnings"][0] for line in home.lines("instances.jsonl"))
    assert not leftovers(home, [])
    assert not processes_of(user.pw_uid)

    podman = as_user(home, user, "run", "--target", "podman", "--workload", "own.*", *own)
    assert podman.returncode == 2
    assert "The target 'podman' cannot run here: root is missing." in podman.stderr
    wired = as_user(home, user, "run", "--target", "bare", "--workload", "network.stream", "--profile", "smoke")
    assert wired.returncode == 2
    assert "The workload 'network.stream' cannot run here: root" in wired.stderr
    listed = as_user(home, user, "targets")
    assert listed.returncode == 0
    for said in (podman, wired, listed):
        assert "Traceback" not in said.stderr


@pytest.mark.real
def test_a_plain_user_runs_guests_and_containers(users_home: Home, user: pwd.struct_passwd) -> None:
    home = users_home
    home.workload("fine", "touch /data/x && echo rate 42")
    own = ["--workload-dir", str(home.folder / "workloads"), "--profile", "smoke"]
    done = as_user(home, user, "run", "--target", "podman-rootless,kvm", "--workload", "own.*", *own)
    assert done.returncode == 0, done.stderr
    assert {line["target"]: line["value"] for line in home.lines()} == dict.fromkeys(
        ("bare", "bare2", "podman-rootless", "kvm"), 42.0
    ), done.stderr
    assert not leftovers(home, [])
    assert not processes_of(user.pw_uid)


@pytest.mark.real
def test_a_plain_users_guest_reaches_the_peer_by_slirp(users_home: Home, user: pwd.struct_passwd) -> None:
    home = users_home
    words = ["run", "--target", "kvm:wire=slirp", "--workload", "network.latency", "--profile", "smoke"]
    done = as_user(home, user, *words, inside=NAMESPACES)
    assert done.returncode == 0, done.stderr
    lines = [line for line in home.lines() if line["target"] == "kvm:wire=slirp"]
    assert lines
    assert all(line["value"] for line in lines), done.stderr
    guest = next(line for line in home.lines("instances.jsonl") if line["target"] == "kvm:wire=slirp")
    assert guest["facts"]["network.path"] == "virtio-net on slirp on bridge"
    assert not leftovers(home, [])
    assert not processes_of(user.pw_uid)
