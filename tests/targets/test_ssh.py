"""Another machine by ssh: a real sshd, real logins, and what is left of them."""

import ast
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from tests.agent.process import soon
from tests.run.command import Home
from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to
from tests.targets.sshd import Server, run, sshd
from vbench.errors import InputError, TargetError
from vbench.image import Image
from vbench.image.manifest import FileRecord
from vbench.ledger import Ledger
from vbench.run.around import sources_of
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance
from vbench.targets.remote import ssh, there
from vbench.targets.remote.carry import carry
from vbench.targets.remote.reach import program

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="sshd and network namespaces need root")]
FAR = ("There is no route", "unreachable")


@pytest.fixture
def server(shared_home: Home, image: Image) -> Iterator[Server]:
    """A server whose image cache holds our own image's files, so that nothing has to be carried."""
    folder = shared_home.folder / "ssh"
    folder.mkdir(mode=0o755)
    with sshd(folder) as server:
        server.images().mkdir(parents=True)
        (server.images() / image.digest).symlink_to(image.root)
        yield server
        assert soon(server.nothing_is_left)
    shutil.rmtree(folder)


def agent_of(instance: Instance) -> psutil.Process:
    """The agent, which a test can see because the other machine is this one."""
    return psutil.Process(int(ask(instance, "echo $PPID")))


def test_the_other_machines_bare_metal_is_confined_and_leaves_nothing(bench: Bench, server: Server) -> None:
    with bench.enter(server.to()) as box:
        assert pinned_to(box) == str(max(os.sched_getaffinity(server.process.pid)))
        assert memory_limit_of(agent_of(box).pid) == MEMORY
        assert not box.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(box, "echo x > /data/y; echo z > /tmp/w; cat /data/y") == "x"
        assert ask(box, "tail -n1 /proc/self/mounts | wc -l") == "1"
        assert (box.place.machine, box.place.address, box.place.labels) == ("box", "", ("elsewhere",))
        assert sources_of(box).read() == {}, "this host's counters say nothing of another machine"
    assert soon(server.nothing_is_left)
    assert not Path(bench.host.image.rootfs, "etc/changed").exists()


def test_a_container_there_and_what_is_recorded_there(bench: Bench, server: Server) -> None:
    with bench.enter(server.to("/bwrap")) as box:
        assert ask(box, "cat /proc/1/comm") == "bwrap"
        assert ask(box, "echo x > /data/y; cat /data/y") == "x"
    with bench.enter(server.to("/runc")) as box:
        assert ask(box, "cat /proc/1/comm").startswith("python3")


@pytest.mark.parametrize("who", ["client", "parent"])
def test_a_login_that_is_killed_leaves_nothing(bench: Bench, server: Server, who: str) -> None:
    with bench.enter(server.to()) as box:
        agent = agent_of(box)
        victim = box.pipe.process.pid if who == "client" else agent.ppid()
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(TargetError):
            box.pipe.exec(["sleep", "60"])
        assert soon(lambda: not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE)
    if who == "parent":  # which removes the rest; the next one does
        assert not server.nothing_is_left()
        with bench.enter(server.to()):
            pass
    assert soon(server.nothing_is_left)


def test_a_job_that_runs_while_its_connection_is_cut_ends(bench: Bench, server: Server) -> None:
    with bench.enter(server.to()) as box:
        handle = box.pipe.start(["sh", "-c", "echo up; exec sleep 1000"], until="up", timeout=10, env={}, cwd="/")
        sleeper = psutil.Process(handle)
        os.kill(box.pipe.process.pid, signal.SIGKILL)
        assert soon(lambda: not sleeper.is_running())


@pytest.mark.parametrize(
    ("known", "says"),
    [("", "that is not known here"), ("[127.0.0.1]:2222 ssh-ed25519 {other}\n", "another host key than the known one")],
)
def test_a_host_key_is_always_checked(bench: Bench, server: Server, known: str, says: str) -> None:
    other = (server.folder / "client_key.pub").read_text().split()[1]
    server.known_hosts.write_text(known.format(other=other))
    text = server.config.read_text()
    server.config.write_text(f"StrictHostKeyChecking no\n{text}")
    with pytest.raises(TargetError, match=says), bench.enter(server.to()):
        pass


def test_a_wrong_key_is_refused_without_a_prompt(bench: Bench, server: Server) -> None:
    (server.folder / "client_key").unlink()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(server.folder / "client_key"))
    (server.folder / "client_key.pub").write_text((server.folder / "host_key.pub").read_text())
    with pytest.raises(TargetError, match="accepts none of the keys"), bench.enter(server.to()):
        pass


def test_a_host_that_is_not_there_is_a_sentence(bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = server.folder / "empty"
    empty.write_text("")
    silent = server.folder / "silent"
    silent.write_text("ProxyCommand sleep 60\n")
    monkeypatch.setitem(ssh.OPTIONS, "ConnectTimeout", "1")
    for host, config, says in (
        ("127.0.0.1:1", empty, "refuses the connection"),
        ("no-such-host.invalid", empty, "a name that cannot be resolved"),
        ("box", silent, "does not answer"),
    ):
        with pytest.raises(TargetError, match=says), bench.enter(f"ssh:{host}:config={config}"):
            pass


def test_what_the_other_machine_lacks_is_a_sentence(bench: Bench, server: Server) -> None:
    way = ssh.Ssh("box", config=str(server.config)).reach()
    for words, image, says in (
        ((*way.words, "PATH=/nowhere"), "x", "'box' has no python3."),
        (way.words, "x\0", "'box' failed: ValueError: embedded null byte."),
    ):
        with (
            pytest.raises(TargetError, match=re.escape(says)),
            replace(way, words=words).opened(bench.host.ledger.hold, "ask", image=image) as pipe,
        ):
            pipe.heard(20)


@pytest.mark.parametrize("name", ["-v", "-oProxyCommand", "a b", "$(id)", "a;b", "a@b@c", "a:b", "user@", "a\nb", ""])
def test_what_is_no_host_is_no_option_either(name: str) -> None:
    with pytest.raises(InputError):
        Catalogue().target(f"ssh:{name}")


def test_the_forms_of_a_host() -> None:
    assert ssh.client("lab7", "")[-2:] == ["--", "lab7"]
    assert ssh.client("root@lab7:2200", "")[-4:] == ["-p", "2200", "--", "root@lab7"]
    assert ssh.client("[2001:db8::7]:22", "")[-4:] == ["-p", "22", "--", "2001:db8::7"]
    target = Catalogue().target("ssh:root@lab7:2200/kvm/bwrap#2")
    assert [hop.name for hop in target.hops] == ["ssh", "qemu", "bwrap"]
    lacking = [Catalogue().target(name).missing()[0].what for name in ("bwrap/ssh:lab7", "ssh:lab7/firecracker")]
    assert lacking == ["a way from this host", "a way to start firecracker on another machine"]
    assert Catalogue().target("ssh:lab7/podman/bwrap").missing() == []


@pytest.fixture
def small(image: Image, tmp_path: Path) -> Image:
    """An image of a few bytes, and of a hole."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "hello").write_text("there")
    run("tar", "-C", str(tmp_path / "root"), "-cf", str(tmp_path / "rootfs.tar"), ".")
    with (tmp_path / "root.ext4").open("wb") as disk:
        disk.write(b"begin")
        disk.truncate(8 * 2**20)
    files = {name: _record(tmp_path / name) for name in ("rootfs.tar", "root.ext4")}
    return Image("0" * 64, tmp_path, image.manifest.model_copy(update={"files": files}))


def _record(path: Path) -> FileRecord:
    content = path.read_bytes()
    return FileRecord(size=len(content), sha256=sha256(content).hexdigest())


def test_an_image_is_carried_whole_or_not_at_all(server: Server, small: Image, tmp_path: Path) -> None:
    way = ssh.Ssh("box", config=str(server.config)).reach()
    cache = server.images() / small.digest
    with Ledger(tmp_path / "ledgers") as ledger:
        for part in ("rootfs", "root.ext4"):
            carry(way, small, part, ledger.hold)
            carry(way, small, part, ledger.hold)  # as when somebody else brought it meanwhile
        assert sorted(path.name for path in cache.iterdir()) == ["root.ext4", "rootfs"]
        assert (cache / "rootfs" / "hello").read_text() == "there"
        assert (cache / "root.ext4").read_bytes() == small.disk.read_bytes()
        assert (cache / "root.ext4").stat().st_blocks * 512 < 2**20, "a hole stays one"
        (cache / "root.ext4").unlink()
        small.disk.write_bytes(b"other" + bytes(8 * 2**20 - 5))
        with pytest.raises(TargetError, match="got other bytes than were sent"):
            carry(way, small, "root.ext4", ledger.hold)
        cut = {"image": small.digest, "part": "root.ext4", "size": 2**20, "digest": "0" * 64}
        with way.opened(ledger.hold, "receive", **cut) as pipe:
            pipe.feed(bytes(2**19), 10)
            assert soon(lambda: len(list(cache.iterdir())) == 2)
            os.kill(pipe.process.pid, signal.SIGKILL)
    assert soon(lambda: [path.name for path in cache.iterdir()] == ["rootfs"])


def test_the_program_is_one_line_whatever_is_in_it_and_runs_on_an_old_python() -> None:
    ast.parse(Path(there.__file__).read_text(), feature_version=(3, 8))
    line = program("serve", folder="/x\n'\"\\é", argv=["a b", "$(id)"])
    assert line.count(b"\n") == 1
    assert line.isascii()


@pytest.mark.slow
def test_a_guest_there_boots_from_the_disk_that_was_carried(bench: Bench, server: Server) -> None:
    image = bench.host.image
    cache = server.images() / image.digest
    cache.unlink()
    cache.mkdir()
    (cache / "rootfs").symlink_to(image.rootfs)  # unpacked already: a gigabyte in thousands of files takes its time
    with bench.enter(server.to("/kvm").replace(":config", ":accelerator=tcg:config")) as guest:
        assert guest.accelerator == "tcg"
        assert guest.place.machine == "box"
        assert ask(guest, "echo x > /data/y; grep ' /data ' /proc/mounts").split()[1] == "/data"
        os.kill(guest.pipe.process.pid, signal.SIGKILL)  # QEMU does not notice
    assert soon(server.nothing_is_left)
    assert _record(cache / "root.ext4") == image.manifest.files["root.ext4"]
    assert sorted(path.name for path in cache.iterdir()) == ["root.ext4", "rootfs"]


@pytest.mark.slow
def test_a_container_of_the_other_machines_own_podman(bench: Bench, server: Server) -> None:
    with bench.enter(server.to("/podman")) as box:
        limit = ask(box, "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max")
        assert int(limit) == MEMORY
        assert ask(box, "echo x > /data/y; cat /data/y") == "x"
        os.kill(box.pipe.process.pid, signal.SIGKILL)
    assert soon(server.nothing_is_left)
    assert "vbench-" not in server.podman("ps", "--all", "--format", "{{.Names}}")
    with bench.enter(server.to("/podman")) as box:
        assert ask(box, "echo x > /data/y; cat /data/y") == "x"
    assert "localhost/vbench" in server.podman("images", "--format", "{{.Repository}}")
