"""The loop: hello, answers, what is no request, and the end."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.agent.process import HELLO, Process, start_agent
from vbench.agent.first import LINE_LIMIT
from vbench.errors import JobError
from vbench.targets import pyz
from vbench.targets.pipe import Pipe

MEBIBYTE = 2**20


def ask(process: Process, line: bytes) -> dict[str, object]:
    """Send a line as it is and return the next answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    reply = json.loads(process.stdout.readline())
    assert isinstance(reply, dict)
    return reply


def greeted(process: Process) -> Process:
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == 0
    return process


def test_hello_says_who_is_here(process: Process) -> None:
    assert process.stdout is not None
    hello = json.loads(process.stdout.readline())
    assert hello["ok"] is True
    assert (hello["id"], hello["protocol"], hello["digest"]) == (0, 1, pyz.digest())
    assert (hello["pid"], hello["uid"]) == (process.pid, os.getuid())
    assert hello["kernel"] == os.uname().release
    assert hello["limits"]["line"] == LINE_LIMIT


def test_hello_can_be_asked_for_again(pipe: Pipe) -> None:
    assert pipe.greet(HELLO)["pid"] == pipe.process.pid


def test_an_agent_that_waits_for_work_is_small(process: Process) -> None:
    ask(greeted(process), b'{"id": 1, "op": "hello"}')  # by now it has done all that it does after its first word
    status = Path(f"/proc/{process.pid}/status").read_text()
    resident = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 15 * MEBIBYTE


@pytest.mark.parametrize(
    "line",
    [b"garbage", b"", b"[1, 2]", b"7", b'{"op": "hello"', b"\xff\xfe", b"\0", b"[" * 100_000, b'{"a": ' * 50_000],
    ids=["word", "empty", "list", "number", "torn", "not-utf8", "nul", "nested-lists", "nested-objects"],
)
def test_a_line_that_is_no_request_is_answered_and_the_agent_goes_on(process: Process, line: bytes) -> None:
    reply = ask(greeted(process), line)
    assert (reply["ok"], reply["id"]) == (False, None)
    assert ask(process, b'{"id": 9, "op": "hello"}')["ok"] is True


@pytest.mark.parametrize(
    "request_", [{"op": "dance"}, {}, {"op": None}, {"op": []}, {"op": "exec"}, {"op": "stop", "handle": 1}]
)
def test_an_op_that_is_unknown_or_misses_something_is_an_error_with_its_id(
    process: Process, request_: dict[str, object]
) -> None:
    reply = ask(greeted(process), json.dumps({"id": 3, **request_}).encode())
    assert (reply["ok"], reply["id"]) == (False, 3)
    assert reply["error"]
    assert "Traceback" in str(reply["trace"])
    assert ask(process, b'{"id": 4, "op": "hello"}')["ok"] is True


def test_two_requests_in_one_write_are_answered_in_turn(process: Process) -> None:
    assert ask(greeted(process), b'{"id": 1, "op": "hello"}\n{"id": 2, "op": "hello"}')["id"] == 1
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == 2


def test_a_request_without_end_ends_the_agent_before_it_ends_the_memory(process: Process) -> None:
    greeted(process)
    assert process.stdin is not None
    with pytest.raises(BrokenPipeError):
        process.stdin.write(b"x" * 2 * LINE_LIMIT)
    assert process.wait(HELLO) == 0


def test_the_end_of_the_pipe_and_bye_both_end_the_agent(agent_file: Path) -> None:
    for words in (b"", b'{"id": 1, "op": "bye"}\n'):
        with start_agent([sys.executable, "-I", "-S", str(agent_file)]) as process:
            assert process.communicate(words, timeout=HELLO)[1] == b""
            assert process.returncode == 0


def test_a_stray_print_of_a_job_does_not_reach_the_pipe(pipe: Pipe) -> None:
    """A job that writes to its parent's descriptors finds our stdout on stderr and /dev/null on stdin."""
    script = "ls -l /proc/$PPID/fd/0 /proc/$PPID/fd/1; echo stray > /proc/$PPID/fd/1"
    assert "/dev/null" in pipe.exec(["sh", "-c", script]).stdout
    assert pipe.exec(["true"]).ok
    assert "stray" in pipe.console.last()


def test_a_snapshot_comes_through_the_pipe(pipe: Pipe) -> None:
    collected = pipe.snapshot({"kvm": False})
    assert collected["json"]["kernel"] == os.uname().release
    assert "kvm" not in collected["json"]
    assert not {"id", "ok"} & collected.keys()
    with pytest.raises(JobError, match="AttributeError"):
        pipe.request("snapshot", HELLO, options="all")
