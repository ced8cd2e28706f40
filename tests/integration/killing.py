"""Runs of vbench in which something is killed, and what is left of them."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.integration.traces import traces
from tests.run.command import SECONDS, Home, leftovers
from vbench.ledger import start_time

Journal = list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """A run that ended: vbench's PID, its status, what it said, the events, and who outlived it."""

    pid: int
    status: int
    said: str
    journal: Journal
    left: list[tuple[int, int, str]]

    @property
    def made(self) -> Journal:
        """What it wrote on its ledger."""
        return [line["ledger"] for line in self.journal if line.get("when") == "after" and "kind" in line["ledger"]]

    @property
    def kills(self) -> set[tuple[str, int]]:
        """Each kill that was done: the target and the boot."""
        return {(line["target"], line["boot"]) for line in self.journal if "killed" in line}


@dataclass(frozen=True)
class Ward:
    """Where the runs live whose processes can be killed and cannot get lost."""

    home: Home
    process: "subprocess.Popen[str]"

    def run(
        self, *words: str, own: int | None = None, victims: Mapping[str, Sequence[Any]] | None = None, boots: int = 1
    ) -> Run:
        """Run `vbench run` on the workload own.tiny, killing as told."""
        journal = self.home.folder / "journal"
        journal.write_text("")
        told = {"journal": str(journal), "own": own, "victims": victims or {}, "boots": boots}
        chosen = ["--workload", "own.tiny", "--workload-dir", str(self.home.folder / "workloads"), "--profile", "smoke"]
        argv = [sys.executable, "-m", "tests.integration.assassin", "run", *chosen, "--seed", "1", *words]
        env = self.home.environment(VBENCH_TEST_KILLS=json.dumps(told))
        command = {"argv": argv, "cwd": str(self.home.folder), "env": env, "said": str(self.home.said)}
        answer = self.ask(command)
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        return Run(answer["pid"], answer["status"], self.home.said.read_text(), lines, answer["left"])

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(command), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def alive(self) -> list[str]:
        """The command lines of all processes of all runs so far that live."""
        return [line for _, _, line in self.ask({})["left"]]

    def leftovers(self, run: Run) -> list[str]:
        """Everything that is left of a run: processes, and what carries its name on this machine."""
        processes = [line for pid, start, line in run.left if start_time(pid) == start]
        return processes + leftovers_of(self.home, run) + sorted(traces(self.home, lambda pid: pid == run.pid))


def leftovers_of(home: Home, run: Run) -> list[str]:
    """What is left of the things on a run's ledger, be it another's ledger that is there now."""
    return [what for what in leftovers(home, run.made) if str(run.pid) in what or what.startswith("process")]


@contextmanager
def ward(home: Home) -> Iterator[Ward]:
    """Give a ward for runs in a home that has the workload own.tiny."""
    home.workload("tiny", "sleep 0.05; echo rate 42", timeout=3)
    argv = [sys.executable, "-m", "tests.integration.ward"]
    env = home.environment()
    with subprocess.Popen(
        argv, cwd=home.folder, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Ward(home, process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(SECONDS)
