"""A real agent process behind a real pipe."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.process import HELLO, Process, start_agent
from vbench.targets import pyz
from vbench.targets.pipe import Pipe


@pytest.fixture(scope="session")
def agent_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    path.write_bytes(pyz.pack())
    return path


@pytest.fixture
def process(agent_file: Path) -> Iterator[Process]:
    """An agent that nobody has spoken to yet."""
    with start_agent([sys.executable, "-I", "-S", str(agent_file)]) as process:
        yield process


@pytest.fixture
def pipe(process: Process) -> Iterator[Pipe]:
    """An open pipe to an agent that has said hello."""
    pipe = Pipe(process, "agent")
    pipe.hello(HELLO)
    yield pipe
    pipe.close(1)
