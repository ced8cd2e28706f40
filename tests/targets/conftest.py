"""A peer that a real agent cannot be made to be."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.agent.process import start_agent
from tests.run.command import Home, leftovers
from tests.targets.entering import OWN, Bench
from vbench.image import Image
from vbench.ledger import Ledger, remaining
from vbench.run.machine import machine
from vbench.targets import pyz
from vbench.targets.catalogue import Catalogue
from vbench.targets.pipe import Pipe

PRELUDE = """
import json, os, sys, time
def say(**message):
    os.write(1, json.dumps(message).encode() + b"\\n")
def hello(**changes):
    say(**{"id": 0, "ok": True, "digest": sys.argv[1], **changes})
def hear():
    return json.loads(sys.stdin.readline())
os.write(2, b"last words\\n")
"""
DONE: dict[str, object] = {
    "ok": True, "status": 0, "signal": None, "timed_out": False, "wall": 0.5, "stdout": "", "stderr": "", "rusage": {},
}  # fmt: skip
Peer = Callable[[str], Pipe]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Return what opens a pipe to a Python script; in it hello, hear and say speak the protocol."""
    with ExitStack() as stack:

        def start(script: str) -> Pipe:
            argv = [sys.executable, "-c", f"{PRELUDE}\nDONE: dict[str, object] = {DONE!r}\n{script}", pyz.digest()]
            pipe = Pipe(stack.enter_context(start_agent(argv, stdin=subprocess.PIPE)), "fake")
            stack.callback(pipe.close, 0)
            return pipe

        yield start


@pytest.fixture
def bench(shared_home: Home, image: Image, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Afterwards nothing that was on the ledger is left."""
    for name, value in shared_home.environment().items():
        if name.startswith(("XDG_", "VBENCH_")):
            monkeypatch.setenv(name, value)
    made = []
    with Ledger() as ledger, machine(image, ledger, 1, wired=True) as host:
        yield Bench(host, Catalogue(OWN))
        made = [line for line in shared_home.started() if "kind" in line]
        assert [entry["kind"] for entry in remaining(ledger.path.read_text())] == ["netns", "netns"]
    assert len(made) > 2
    assert not leftovers(shared_home, made)
