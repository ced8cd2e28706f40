"""What was made is unmade, by its owner or by the next start; nothing else is ever touched."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.agent.process import alive, soon, with_words
from vbench.errors import HostError
from vbench.ledger import Ledger, boot_id, clean_dead, remaining, start_time, undo

Process = subprocess.Popen[bytes]
MEMORY = Path("/sys/fs/cgroup/memory") if Path("/sys/fs/cgroup/memory").is_dir() else Path("/sys/fs/cgroup")
HOLDER = """
import sys, time
from pathlib import Path
from vbench.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger, ledger.folder_for("test", Path(sys.argv[1])) as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that cannot be removed is not waited for."""
    monkeypatch.setattr("vbench.ledger.GOING", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledgers"


@pytest.fixture
def sleeper() -> Iterator[Process]:
    """A process in a session of its own, with a child."""
    process = subprocess.Popen(["sh", "-c", "sleep 4730.1 & sleep 4730.2"], start_new_session=True)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def entry(kind: str, **what: Any) -> dict[str, Any]:
    return {"token": 0, "kind": kind, "boot": boot_id(), **what}


def dead(folder: Path, *lines: str) -> Path:
    """Write the ledger of a run that is no more."""
    folder.mkdir(exist_ok=True)
    path = folder / "vbench-dead.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_leaving_unmakes_what_is_still_there_the_newest_first(folder: Path, tmp_path: Path) -> None:
    outer, inner = tmp_path / "vbench-outer", tmp_path / "vbench-outer" / "vbench-inner"
    with Ledger(folder) as ledger:
        for path in (outer, inner):
            ledger.record("folder", path=str(path))
            path.mkdir()
        written = ledger.path.read_text()
        assert [json.loads(line)["path"] for line in written.splitlines()] == [str(outer), str(inner)]
    assert not outer.exists()
    assert not list(folder.glob("*.jsonl"))


def test_a_hold_ends_with_its_context_whatever_happens_in_it(folder: Path, tmp_path: Path) -> None:
    def interrupted(ledger: Ledger) -> None:
        with ledger.folder_for("test", tmp_path) as made:
            (made / "deep" / "er").mkdir(parents=True)
            raise KeyboardInterrupt

    with Ledger(folder) as ledger:
        with pytest.raises(KeyboardInterrupt):
            interrupted(ledger)
        assert not list(tmp_path.glob("vbench-*"))
        assert not remaining(ledger.path.read_text())


def test_a_process_is_ended_with_its_session(sleeper: Process) -> None:
    assert soon(lambda: len(with_words("sleep 4730")) >= 2)
    undo(entry("process", pid=sleeper.pid, start=start_time(sleeper.pid)))
    assert sleeper.wait() == -signal.SIGKILL
    assert soon(lambda: not with_words("sleep 4730"))


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_pid_that_came_round_again_is_left_alone(sleeper: Process, shift: int) -> None:
    start = start_time(sleeper.pid)
    assert start is not None
    undo(entry("process", pid=sleeper.pid, start=start + shift))
    undo(entry("process", pid=sleeper.pid, start=None))
    undo(entry("process", pid=sleeper.pid, start=start, boot="another boot of this host"))
    assert alive(sleeper.pid)


def test_a_process_that_ended_before_it_was_recorded_is_fine(sleeper: Process) -> None:
    os.killpg(sleeper.pid, 9)
    assert soon(lambda: start_time(sleeper.pid) is None), "a zombie has no start time"
    undo(entry("process", pid=sleeper.pid, start=start_time(sleeper.pid)))


@pytest.mark.skipif(os.getuid() != 0, reason="network namespaces are root's")
def test_a_network_namespace_goes(folder: Path) -> None:
    name = f"vbench-test-{os.getpid()}"
    with Ledger(folder) as ledger, ledger.hold("netns", name=name):
        subprocess.run(["ip", "netns", "add", name], check=True)
    assert not Path("/run/netns", name).exists()
    undo(entry("netns", name=name))


@pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="no cgroup may be made here")
def test_a_cgroup_goes_with_all_that_is_in_it(folder: Path, sleeper: Process) -> None:
    path = MEMORY / f"vbench-test-{os.getpid()}"
    with Ledger(folder) as ledger, ledger.hold("cgroup", path=str(path)):
        path.mkdir()
        (path / "cgroup.procs").write_text(str(sleeper.pid))
    assert not path.exists()
    assert sleeper.wait() == -signal.SIGKILL


def test_a_container_is_removed_by_its_engine(tmp_path: Path) -> None:
    said = tmp_path / "said"
    engine = ["sh", "-c", f'echo "$@" >> {said}; exit $CODE', "engine", "--root", "x"]
    undo(entry("container", engine=["env", "CODE=0", *engine], name="vbench-1"))
    assert said.read_text() == "--root x rm --force --ignore --time 0 vbench-1\n"
    with pytest.raises(HostError, match=r"The container 'vbench-1' could not be removed\."):
        undo(entry("container", engine=["env", "CODE=1", *engine], name="vbench-1"))
    undo(entry("container", engine=["no-such-engine"], name="vbench-1"))


@pytest.mark.parametrize("name", ["other", "xvbench-", "vbench-a/other", "vbench-a/../other"])
def test_only_what_carries_our_mark_is_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / "vbench-a").mkdir()
    path = tmp_path / name
    path.mkdir(parents=True, exist_ok=True)
    touched = tmp_path / "touched"
    undo(entry("folder", path=str(path)))
    undo(entry("cgroup", path=str(path)))
    undo(entry("netns", name=name))
    assert path.exists()
    undo(entry("container", engine=["touch", str(touched)], name="other"))
    assert not touched.exists()


def test_a_dead_runs_things_are_removed_by_the_next_start(folder: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        with Ledger(folder):
            assert (left / "file").exists(), "its owner lives"
        assert clean_dead(folder) == 0
        assert alive(holder.pid)
        holder.kill()
        holder.wait()
    assert (left / "file").exists()
    with Ledger(folder) as ledger:
        assert not left.exists()
        assert list(folder.glob("*.jsonl")) == [ledger.path]
    assert tmp_path.exists()


def test_after_a_reboot_only_folders_are_left_to_remove(folder: Path, tmp_path: Path, sleeper: Process) -> None:
    kept = tmp_path / "vbench-kept"
    kept.mkdir()
    lines = [
        entry("folder", path=str(kept), boot="old"),
        {**entry("process", pid=sleeper.pid, start=start_time(sleeper.pid), boot="old"), "token": 1},
    ]
    dead(folder, *map(json.dumps, lines))
    assert clean_dead(folder) == 1
    assert not kept.exists()
    assert alive(sleeper.pid)


def test_torn_lines_and_lines_of_another_version_hold_nothing_up(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "vbench-1", tmp_path / "vbench-2"
    for path in (first, second):
        path.mkdir()
    whole = [json.dumps({**entry("folder", path=str(path)), "token": n}) for n, path in enumerate((first, second))]
    odd = [
        "",
        "[]",
        "7",
        "null",
        '{"token": 9}',
        '{"kind": "moon", "token": 8}',
        '{"struck": []}',
        '{"struck": 77}',
        "\0",
    ]
    dead(folder, whole[0], *odd, '{"struck": 1}', whole[1], whole[1][:-10])
    assert clean_dead(folder) == 1
    assert not first.exists()
    assert not second.exists()
    assert not list(folder.glob("*.jsonl"))


def test_what_was_struck_out_is_not_touched(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "vbench-again"
    path.mkdir()
    dead(folder, json.dumps(entry("folder", path=str(path))), '{"struck": 0}')
    assert clean_dead(folder) == 1
    assert path.exists()


def test_what_cannot_be_removed_is_named_and_stays_on_record(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "vbench-after"
    path.mkdir()
    stuck = {**entry("container", engine=["false"], name="vbench-stuck"), "token": 1}
    written = dead(folder, json.dumps(entry("folder", path=str(path))), json.dumps(stuck))
    with pytest.raises(
        HostError, match="The container 'vbench-stuck' could not be removed; a dead run left it"
    ) as caught:
        clean_dead(folder)
    assert str(written) in caught.value.remedy
    assert not path.exists(), "the others go all the same"
    assert written.exists()


def test_the_owner_leaves_its_ledger_to_the_next_start_where_something_stays(folder: Path, tmp_path: Path) -> None:
    ledger, path = Ledger(folder), tmp_path / "vbench-after"

    def stuck() -> None:
        with ledger:
            ledger.record("folder", path=str(path))
            path.mkdir()
            with ledger.hold("container", engine=["false"], name="vbench-stuck"):
                pass

    with pytest.raises(HostError, match="vbench-stuck"):
        stuck()
    assert not path.exists()
    assert [e["name"] for e in remaining(ledger.path.read_text()) if e["kind"] == "container"] == ["vbench-stuck"]
    with ledger.path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match=r"'.*/file/ledgers' cannot be made: Not a directory\."):
        Ledger(tmp_path / "file" / "ledgers").__enter__()
    with Ledger(tmp_path / "ledgers") as ledger:
        with pytest.raises(HostError, match="cannot be made"), ledger.folder_for("test", tmp_path / "file"):
            pass
        assert not remaining(ledger.path.read_text())


def test_a_full_disk_stops_before_anything_is_made(folder: Path) -> None:
    with Ledger(folder) as ledger:
        full = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - the ledger closes it
        ledger._file.close()
        ledger._file = full
        with pytest.raises(HostError, match="No space left on device"):
            ledger.record("folder", path="/nowhere/vbench-x")
        assert not ledger._entries


def test_only_a_pause_process_of_that_user_is_ended(tmp_path: Path, sleeper: Process) -> None:
    """The file is the plain user's, who may write any number into it."""
    file = tmp_path / "pause.pid"

    def end(text: str, uid: int) -> None:
        file.write_text(text)
        undo(entry("pause", path=str(file), uid=uid))

    undo(entry("pause", path=str(file), uid=os.getuid()))
    for text in ("", "garbage", "-1", "0", "1", str(2**40), str(sleeper.pid)):
        end(text, os.getuid())
    assert alive(sleeper.pid)
    with subprocess.Popen(["catatonit", "-P"], executable=sys.executable, stdin=subprocess.PIPE) as pause:
        assert soon(lambda: Path(f"/proc/{pause.pid}/cmdline").read_bytes() == b"catatonit\0-P\0")
        end(str(pause.pid), os.getuid() + 1)
        assert alive(pause.pid)
        end(str(pause.pid), os.getuid())
        assert pause.wait() == -signal.SIGKILL
