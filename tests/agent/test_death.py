"""An agent dies with its parent and takes its jobs along; the host's end of the pipe may well stay open."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.process import HELLO, alive, soon, start_agent, with_words
from vbench.targets.pipe import Pipe

PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], start_new_session=True)
child.wait()
"""
JOB = b'{"id": 1, "op": "exec", "argv": ["sh", "-c", "setsid sleep 4721.1 & sleep 4721.2"], "timeout": 600}\n'


@pytest.mark.parametrize("chained", [False, True], ids=["agent", "agent behind a chain"])
def test_it_dies_with_its_parent_although_its_pipe_is_open(agent_file: Path, chained: bool) -> None:
    reading, writing = os.pipe()
    agent = [sys.executable, "-I", "-S", str(agent_file)]
    try:
        with start_agent([sys.executable, "-c", PARENT, *agent], stdin=reading) as parent:
            assert parent.stdout is not None
            process = subprocess.Popen(
                ["sleep", "60"],  # a pipe whose first process has ended is lost
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            for ours, theirs in ((process.stdin, writing), (process.stdout, parent.stdout.fileno())):
                assert ours is not None
                os.dup2(theirs, ours.fileno())
            pipe = Pipe(process, "agent")
            pid = pipe.hello(HELLO)["pid"]
            if chained:
                assert pipe.chain(agent, HELLO)["pid"] == pid
            os.write(writing, JOB)
            assert soon(lambda: len(with_words("sleep 4721")) >= 2)
            parent.kill()
            assert soon(lambda: not alive(pid))
            assert soon(lambda: not with_words("sleep 4721"))
            pipe.close(0)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_by_either_signal(pipe: Pipe, number: int) -> None:
    pipe.greet(HELLO)  # by now it is on guard
    os.kill(pipe.process.pid, number)
    assert pipe.process.wait(HELLO) == (0 if number == signal.SIGTERM else -number)


def test_sigterm_ends_a_running_job_first(pipe: Pipe) -> None:
    assert pipe.process.stdin is not None
    os.write(pipe.process.stdin.fileno(), JOB.replace(b"4721", b"4722"))
    assert soon(lambda: len(with_words("sleep 4722")) >= 2)
    os.kill(pipe.process.pid, signal.SIGTERM)
    pipe.process.wait(HELLO)
    assert soon(lambda: not with_words("sleep 4722"))
