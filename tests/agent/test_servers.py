"""Servers that run beside jobs."""

import sys
from pathlib import Path

import pytest

from tests.agent.process import gone, soon, with_words
from vbench.errors import JobError
from vbench.targets.pipe import Pipe

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
CHATTER = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
print("ready", flush=True)
for number in range(1, 101):
    sys.stdout.write("x" * 65536)
    sys.stderr.write("y" * 65536)
    count.write_text(str(number))
"""


def start(pipe: Pipe, script: str, until: str = "ready", timeout: float = 60) -> int:
    return pipe.start(["sh", "-c", script], until=until, timeout=timeout, env=ENVIRONMENT, cwd="/")


def test_a_server_is_up_once_it_says_so_and_gone_once_it_is_stopped(pipe: Pipe) -> None:
    handle = start(pipe, "echo warming; sleep 0.3; echo ready to serve; sleep 4715.1")
    assert with_words("sleep 4715")
    assert pipe.exec(["echo", "beside"]).stdout == "beside\n"
    assert with_words("sleep 4715"), "a job's sweep leaves servers alone"
    reply = pipe.request("stop", 60, handle=handle)
    assert reply["signal"] == 15
    assert reply["stdout"] == "warming\nready to serve\n"
    assert gone("sleep 4715")
    with pytest.raises(JobError, match="KeyError"):
        pipe.stop(handle)


def test_the_word_may_come_on_stderr(pipe: Pipe) -> None:
    pipe.stop(start(pipe, "echo ready >&2; sleep 4716.1"))
    assert gone("sleep 4716")


def test_a_server_that_takes_no_notice_of_sigterm_is_killed_with_its_children(pipe: Pipe) -> None:
    handle = start(pipe, "trap '' TERM; setsid sleep 4717.1 & echo ready; while :; do sleep 4717.2; done")
    assert pipe.request("stop", 60, handle=handle)["signal"] == 9
    assert gone("sleep 4717")


def test_a_server_that_dies_says_why(pipe: Pipe) -> None:
    with pytest.raises(JobError, match=r"The server 'sh' did not come up in 'agent': it exited with 3: no port\."):
        start(pipe, "setsid sleep 4718.1 & echo no port >&2; exit 3")
    assert pipe.exec(["true"]).ok
    assert gone("sleep 4718")


def test_a_server_that_is_never_ready_is_ended_at_its_deadline(pipe: Pipe) -> None:
    with pytest.raises(JobError, match=r"it ran past its deadline: soon\."):
        start(pipe, "echo soon; sleep 4719.1", timeout=0.5)
    assert gone("sleep 4719")


@pytest.mark.parametrize("job", [True, False], ids=["while a job runs", "while nothing is asked"])
def test_a_server_may_chatter_as_it_likes(pipe: Pipe, tmp_path: Path, job: bool) -> None:
    """Pipes hold 64 KiB: whoever does not drain them stops the server, or a job that waits for it."""
    count = tmp_path / "count"
    argv = [sys.executable, "-c", CHATTER, str(count)]
    handle = pipe.start(argv, until="ready", timeout=60, env=ENVIRONMENT, cwd="/")
    if job:
        assert pipe.exec(["sh", "-c", 'until [ "$(cat "$1")" = 100 ]; do sleep 0.05; done', "sh", str(count)]).ok
    else:
        assert soon(lambda: count.exists() and count.read_text() == "100")
    reply = pipe.request("stop", 60, handle=handle)
    assert reply["stderr_total"] == 100 * 65536
    assert reply["stdout_total"] == 100 * 65536 + len("ready\n")
    assert len(reply["stderr"]) == 2**20


def test_servers_end_with_the_agent(pipe: Pipe) -> None:
    start(pipe, "setsid sleep 4720.1 & echo ready; sleep 4720.2")
    assert len(with_words("sleep 4720")) >= 2
    pipe.close()
    assert soon(lambda: not with_words("sleep 4720"))
