"""Whatever is killed, at whatever point of a run: nothing is left, and the run or the next one goes on."""

import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tests.agent.process import soon
from tests.integration.assassin import END, FROZEN, JOBS, START, WITHIN
from tests.integration.killing import Run, Ward, ward
from tests.integration.traces import mounts
from tests.run.command import Home
from tests.targets.dockerd import Dockerd, dockerd

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.getuid() != 0, reason="the network and podman need root"),
]
LAST = "snapshot 1"  # after the last boot; the first boot has one before
ONLY = "snapshot 2"  # after the one boot of a run
TEN = (START, "exec 1", *JOBS, END, LAST)
GUESTS = (START, "exec 1", FROZEN, *JOBS[:5], END, LAST)
TALKING = ("exec 1", "exec 2", *JOBS, "job 1", LAST)  # the agent in a guest must hear of it
FEW = (START, "job 2", END)
AGENT = "^[^ ]*python3 [^ ]+ .*agent.pyz"
# By the target: what of it is killed, by words of its command line. Its memory tells one podman from the other.
CONTAINERS = {
    "bare:memory=401M": AGENT,
    "unshare": "^unshare ",
    "bwrap": "^bwrap ",
    "nspawn": "^systemd-nspawn ",
    "nspawn:memory=401M": AGENT,
    "lxc": "^lxc-execute ",
    "runc": "^runc ",
    "crun": "^crun ",
    "podman": "^podman ",
    "podman:memory=401M": AGENT,
}
CONMON = {"podman": "conmon "}  # its client then waits for it, some 7 s each time
STARTING = {f"podman:memory={size}M": words for size, words in ((403, "runc .*create"), (404, "runc init"))}
NAMED = re.compile(
    r"The target '[^']+' (died: its (pipe is closed|first process has ended)|takes no more input"
    r"|gave no answer to '\w+' within \d+ s|said no hello within \d+ s)( \(hop '[\w-]+'\))?\."
    r"|QEMU did not do '\w+': .+\."
)


@pytest.fixture
def guarded(shared_home: Home) -> Iterator[Ward]:
    with ward(shared_home) as found:
        yield found
        assert not found.alive()


def lost(point: str) -> set[int]:
    """How many jobs of a boot a kill at a point of it may cost; one over which it was done may still be answered."""
    if point in JOBS:
        rest = len(JOBS) - JOBS.index(point)
        return {rest} if rest % 2 == 0 else {rest, rest - 1}
    return {0} if point in (END, LAST, ONLY) else {len(JOBS)}


def killed_in(guarded: Ward, victims: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Run the targets and kill in every boot of theirs; see that what was killed is lost, named, and all that is."""
    boots = max(len(points) for _, points in victims.values())
    told = {target: [words, *points] for target, (words, points) in victims.items()}
    run = guarded.run("--target", ",".join(victims), victims=told, boots=boots)
    assert run.status == 0, run.said
    assert "Traceback" not in run.said
    wanted = {(target, boot) for target, (_, points) in victims.items() for boot in range(len(points))}
    assert run.kills == wanted, run.said
    lines = guarded.home.lines()
    assert {line["target"] for line in lines} == {"bare", "bare2", *victims}
    for target in ("bare", "bare2", *victims):
        points = victims[target][1] if target in victims else ()
        for boot in range(boots):
            mine = [line for line in lines if (line["target"], line["boot"]) == (target, boot)]
            values = [line["value"] for line in mine]
            count = values.count(None)
            assert values == [42.0] * (len(JOBS) - count) + [None] * count
            assert count in (lost(points[boot]) if boot < len(points) else {0}), (target, boot, values)
            for line in mine[len(JOBS) - count :]:
                assert NAMED.fullmatch(line["failure"]["message"]), line
                assert line["failure"]["blame"] == "target"
    assert soon(lambda: not guarded.alive()), guarded.alive()
    assert not guarded.leftovers(run)
    assert not mounts(guarded.home.folder)


def test_a_part_of_a_container_is_killed_at_ten_points(guarded: Ward) -> None:
    killed_in(guarded, {target: (words, TEN) for target, words in CONTAINERS.items()})


@pytest.fixture(scope="module")
def daemon() -> Iterator[Dockerd]:
    with dockerd() as found:
        yield found


def test_a_part_of_docker_is_killed(guarded: Ward, daemon: Dockerd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    later = ("exec 1", *JOBS, "job 1", END, LAST)  # what the daemon starts is told from others' after the hello
    words = {"docker:memory=401M": (AGENT, later), "docker:memory=402M": ("containerd-shim", later)}
    killed_in(guarded, {"docker": ("^docker ", TEN), **words})
    assert soon(lambda: not daemon.docker("ps", "--all", "--quiet"))


@pytest.mark.parametrize(
    "points", [("job 2",), *(pytest.param((one,), marks=pytest.mark.zoo) for one in (*TEN[:-1], ONLY))]
)
def test_dockers_daemon_is_killed(
    guarded: Ward, daemon: Dockerd, points: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    killed_in(guarded, {"docker": (f"^dockerd .*{daemon.folder}", points)})
    daemon.end(signal.SIGKILL)
    daemon.start()  # it removes what was started with --rm
    assert soon(lambda: not daemon.docker("ps", "--all", "--quiet"))


@pytest.mark.parametrize("points", [FEW, pytest.param(TEN, marks=pytest.mark.zoo)])
def test_what_watches_a_container_is_killed(guarded: Ward, points: Sequence[str]) -> None:
    killed_in(guarded, {target: (words, points) for target, words in CONMON.items()})


def test_what_starts_a_container_is_killed_while_it_does(guarded: Ward) -> None:
    killed_in(guarded, {target: (words, (START,) * 2) for target, words in STARTING.items()})


@pytest.mark.parametrize("points", [(START, FROZEN, "job 2", END), pytest.param(GUESTS, marks=pytest.mark.zoo)])
def test_qemu_is_killed(guarded: Ward, points: Sequence[str]) -> None:
    killed_in(guarded, {"kvm:memory=401M": ("^qemu-system", points)})


@pytest.mark.parametrize(
    ("target", "words", "points"),
    [
        ("kvm:memory=401M", WITHIN, ("exec 1", "job 2", "job 5")),
        pytest.param("kvm/kvm", "^qemu-system", FEW, marks=pytest.mark.zoo),
        pytest.param("kvm:memory=401M", WITHIN, TALKING, marks=pytest.mark.zoo),
        pytest.param("kvm/kvm", "^qemu-system", GUESTS, marks=pytest.mark.zoo),
        pytest.param("kvm/kvm", WITHIN, TALKING, marks=pytest.mark.zoo),
    ],
)
def test_a_part_of_a_guest_is_killed(guarded: Ward, target: str, words: str, points: Sequence[str]) -> None:
    killed_in(guarded, {target: (words, points)})


@pytest.mark.parametrize(
    ("targets", "points"),
    [
        ("podman,nspawn,lxc,runc,crun,kvm", 3),
        pytest.param("podman,nspawn,lxc,runc,crun,kvm", 10, marks=pytest.mark.zoo),
        pytest.param("kvm/kvm", 10, marks=pytest.mark.zoo),
    ],
)
def test_vbench_is_killed(guarded: Ward, targets: str, points: int) -> None:
    """Each start removes what the one before it could not."""
    guarded.run("--target", targets)  # an import of the image and a proof of the accelerator come once
    whole = guarded.run("--target", targets)
    assert whole.status == 0, whole.said
    last = whole.journal[-1]["event"]
    assert last > 40
    runs: list[Run] = []
    left: list[str] = []
    for point in range(points):
        runs.append(guarded.run("--target", targets, own=1 + (2 * point + 1) * last // (2 * points)))
        assert runs[-1].status == -9, runs[-1].said
        left += guarded.leftovers(runs[-1])
        for run in runs[-2:-1]:
            assert not guarded.leftovers(run), (run.journal[-1], run.said)
    assert left, "there was something to be removed"
    again = guarded.run("--target", targets)
    assert again.status == 0, again.said
    assert {line["value"] for line in guarded.home.lines()} == {42.0}
    assert not guarded.leftovers(again)
    assert not guarded.leftovers(runs[-1])
    assert soon(lambda: not guarded.alive()), guarded.alive()
    assert not mounts(guarded.home.folder)
