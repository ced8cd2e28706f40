"""The next hop's argv in the agent's place, on the same pipe."""

import sys
from pathlib import Path

import pytest

from tests.agent.process import HELLO
from vbench.errors import TargetError
from vbench.targets.pipe import Pipe


def test_two_hops_end_in_a_third_agent_of_the_same_process(pipe: Pipe, agent_file: Path) -> None:
    pid = pipe.process.pid
    agent = [sys.executable, "-I", "-S", str(agent_file)]
    assert pipe.chain(["sh", "-c", 'export HOP=1; exec "$@"', "sh", *agent], HELLO)["pid"] == pid
    assert pipe.exec(["sh", "-c", "echo $HOP"]).stdout == "1\n"
    hello = pipe.chain(["sh", "-c", 'echo chatter; "$@"', "sh", *agent], HELLO, env={"PATH": "/usr/bin:/bin"})
    assert hello["pid"] != pid, "this sh waits for its agent"
    assert pipe.exec(["sh", "-c", "echo $HOP"]).stdout == "\n"
    assert "chatter" in pipe.console.last()


def test_a_chain_to_nowhere_says_so_at_once_and_the_agent_stays(pipe: Pipe) -> None:
    with pytest.raises(TargetError, match=r"'agent' could not go on to the next hop: FileNotFoundError.*no-such-hop"):
        pipe.chain(["no-such-hop"], HELLO)
    assert pipe.exec(["echo", "still here"]).stdout == "still here\n"
    assert "/dev/null" in pipe.exec(["sh", "-c", "readlink /proc/$PPID/fd/0"]).stdout


def test_a_hop_that_ends_is_a_death_with_its_last_words(pipe: Pipe) -> None:
    with pytest.raises(TargetError, match="'agent' died: its pipe is closed") as caught:
        pipe.chain(["sh", "-c", "echo no such guest >&2; exit 1"], HELLO)
    assert "no such guest" in caught.value.console


def test_a_hop_that_says_nothing_is_given_up(pipe: Pipe) -> None:
    with pytest.raises(TargetError, match="'agent' said no hello within 1 s") as caught:
        pipe.chain(["sh", "-c", "echo I will be late; sleep 600"], 1)
    assert "I will be late" in caught.value.console
