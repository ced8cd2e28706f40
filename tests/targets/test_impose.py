"""Known overheads on real targets: they are there while the target is, in the kernel's own words, and gone after."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from vbench.errors import HostError
from vbench.image import Image
from vbench.ledger import CGROUPS, MARK, Ledger
from vbench.run.machine import Machine, machine
from vbench.targets import confine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.impose import KINDS
from vbench.targets.place import Settings

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.getuid() != 0, reason="control groups and networks are root's")]


@pytest.fixture
def host(image: Image, xdg: Path) -> Iterator[Machine]:
    with Ledger(xdg / "ledgers") as ledger, machine(image, ledger, 1, wired=True) as host:
        yield host


def opened(host: Machine, name: str, stack: ExitStack) -> Instance:
    place = stack.enter_context(host.place(name))
    return stack.enter_context(open_target(Catalogue().target(name), place, Settings(), host.ledger))


def group_of(instance: Instance, controller: str) -> str:
    lines = Path(f"/proc/{instance.pipe.process.pid}/cgroup").read_text().splitlines()
    return next(line.split(":", 2)[2] for line in lines if controller in line.split(":")[1].split(","))


def left() -> list[str]:
    """What carries the mark of this process and is still there."""
    mine = f"{MARK}{os.getpid()}-"
    groups = [str(path) for path in CGROUPS.rglob(f"{mine}*")]
    return groups + [str(path) for path in Path("/run/netns").glob(f"{mine}[cd]*")]


@pytest.mark.parametrize(
    ("name", "controller", "file", "content"),
    [
        ("bare:cpu-quota=0.5", "cpu", "cpu.cfs_quota_us", "5000"),
        ("bare:iops=1000", "blkio", "blkio.throttle.read_iops_device", "1000"),
        ("bare:bandwidth=4M", "blkio", "blkio.throttle.write_bps_device", str(4 * 2**20)),
    ],
)
def test_a_control_group_holds_the_target_and_is_gone_with_it(
    host: Machine, name: str, controller: str, file: str, content: str
) -> None:
    if not (CGROUPS / controller).is_dir():
        pytest.skip("control groups of version 2")
    with ExitStack() as stack:
        instance = opened(host, name, stack)
        group = CGROUPS / controller / group_of(instance, controller).lstrip("/")
        assert group.name.startswith(MARK)
        assert (group / file).read_text().split()[-1] == content
        assert instance.pipe.exec(["true"]).ok
    assert left() == []


def test_control_groups_of_version_2_are_written_as_its_documentation_says(
    host: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kernel behind it: these machines have the controllers in version 1."""
    root = tmp_path / "v2"
    root.mkdir()
    (root / "cgroup.subtree_control").write_text("cpuset cpu io memory pids\n")
    monkeypatch.setattr(confine, "ROOT", root)
    with ExitStack() as stack:
        place = stack.enter_context(host.place("bare"))
        for kind, value in (("cpu-quota", 0.8), ("iops", 1000.0), ("bandwidth", 2.0**20)):
            KINDS[kind].impose(value, place, Settings(), stack)
        written = {path.name: path.read_text() for path in root.glob("*/*")}
        assert written["cpu.max"] == "8000 10000\n"
        limits = {path.read_text().partition(" ")[2] for path in root.glob("*/io.max")}
        assert limits == {"riops=1000 wiops=1000\n", "rbps=1048576 wbps=1048576\n"}
        for path in root.glob("*/*"):  # a real group goes by rmdir, with its files
            path.unlink()
    assert [path.name for path in root.iterdir()] == ["cgroup.subtree_control"]


def test_a_group_that_the_kernel_refuses_is_an_error_that_names_it(host: Machine) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(host.place("bare"))
        with pytest.raises(HostError, match="cannot be made: Invalid argument"):
            KINDS["cpu-quota"].impose(0.00001, place, Settings(), stack)
    assert left() == []


def test_a_rate_is_on_a_wire_of_the_targets_own(host: Machine) -> None:
    with ExitStack() as stack:
        plain, slow = opened(host, "bare", stack), opened(host, "bare:rate=100M", stack)
        assert slow.place.network_path == "tbf on veth on bridge"
        devices = [one.pipe.exec(["cat", "/proc/net/dev"]).stdout for one in (plain, slow)]
        assert ["vbr0" in text for text in devices] == [True, False]
        name = next(path.name for path in Path("/run/netns").glob(f"{MARK}{os.getpid()}-c*"))
        queues = subprocess.run(["tc", "-n", name, "qdisc"], capture_output=True, text=True, check=True).stdout
        assert "qdisc tbf" in queues
        assert "rate 100Mbit" in queues
    assert left() == []


def test_a_delay_lets_frames_through_both_ways(host: Machine) -> None:
    with ExitStack() as stack:
        instance = opened(host, "bare:delay=20ms", stack)
        script = "import socket; socket.create_connection(('198.18.0.2', 9), 20)"
        outcome = instance.pipe.exec(["python3", "-c", script])
        assert "ConnectionRefusedError" in outcome.stderr  # by the host's end: there and back
        assert outcome.wall >= 0.02
    assert left() == []


def test_a_slowdown_burns_only_while_its_target_is_measured(host: Machine) -> None:
    with ExitStack() as stack:
        instance = opened(host, "bare:slowdown=10%", stack)
        children = map(int, Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split())
        burner = next(pid for pid in children if b"burn.py" in Path(f"/proc/{pid}/cmdline").read_bytes())
        assert os.sched_getaffinity(burner) == set(host.target_cpus)
        instance.freeze()
        assert state(burner) == "T"
        instance.thaw()
        assert state(burner) != "T"
    assert not Path(f"/proc/{burner}").exists()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_overheads_add_up(host: Machine) -> None:
    with ExitStack() as stack:
        instance = opened(host, "bare:cpu-quota=0.5:rate=100M", stack)
        assert MARK in group_of(instance, "cpu")
        assert instance.place.network_path.startswith("tbf")
    assert left() == []
