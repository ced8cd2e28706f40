"""`vbench` as it is, but that it is killed, or a process behind one of its targets, at a point that the test chose.

A point is a place in what vbench does, never a time: the n-th thing that it writes down or sends; of a target its
start, its freezing, its end, or its n-th message of a kind, such as `job 3`, `snapshot 1`, or `exec 1` for the first
that prepares something. $VBENCH_TEST_KILLS holds {"journal", "own", "victims", "boots"}: `own`
is the number of the event that is vbench's last, `victims` {target: [words of a command line, point of boot 0, ...]}.
"""

import json
import os
import re
import select
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from vbench import cli
from vbench.ledger import Entry, Ledger, start_time
from vbench.run.lifecycle_processes import behind
from vbench.run.plan import PROFILES, Profile
from vbench.targets import pipe as pipes
from vbench.targets.monitor import Monitor
from vbench.targets.pipe import Pipe, Reply

JOBS = tuple(f"job {number}" for number in range(1, 7))  # of each boot
HUNG = 1.0  # seconds beyond its deadline that a target gets here
HELLO = 10.0  # seconds to say hello once something of it was killed
PATIENCE = 30.0  # seconds until there is something to kill
WITHIN = "itself"  # the agent, by its own hand: nobody else reaches it in a guest
START, FROZEN, END, JOB = "start", "frozen", "end", "job"
TINY = b"echo rate 42"  # what is in the command of a job
SUICIDE = ["sh", "-c", "kill -9 $PPID"]
WARD = os.getppid()
OWN = "/vbtest-"  # in the name of every folder that a test makes
write_entry, await_hello, send, close, execute = Ledger._write, Pipe.hello, Pipe._write, Pipe.close, Monitor.execute


@dataclass
class Prey:
    """A target's present boot: which of its processes dies when, and how often it was spoken to."""

    pipe: Pipe
    boot: int
    words: str
    point: str | None
    messages: Counter[str] = field(default_factory=Counter)  # by kind


@dataclass
class Assassin:
    """Notes every event, and kills at the chosen ones."""

    journal: Path
    own: int | None
    victims: dict[str, list[Any]]
    boots: Counter[str] = field(default_factory=Counter)
    prey: dict[Pipe, Prey] = field(default_factory=dict)
    events: int = 0

    def event(self, **what: Any) -> None:
        self.events += 1
        with self.journal.open("a") as journal:
            journal.write(json.dumps({"event": self.events, **what}) + "\n")
        if self.events == self.own:
            os.kill(os.getpid(), signal.SIGKILL)

    def expect(self, pipe: Pipe) -> Prey:
        words, *points = self.victims.get(pipe.name, [""])
        boot = self.boots[pipe.name]
        self.boots[pipe.name] += 1
        self.prey[pipe] = Prey(pipe, boot, words, points[boot] if boot < len(points) else None)
        return self.prey[pipe]

    def kill(self, prey: Prey) -> None:
        """Kill the process that has the words in its command line, once there is one, and see it die."""
        until = time.monotonic() + PATIENCE
        while (victim := found(prey)) is None:
            if time.monotonic() > until:
                raise AssertionError(f"nothing is called '{prey.words}' in '{prey.pipe.name}'")
        with suppress(ProcessLookupError):
            end_of(victim)
        self.killed(prey)

    def killed(self, prey: Prey) -> None:
        self.event(killed=prey.words, target=prey.pipe.name, boot=prey.boot, point=prey.point)

    def write(self, ledger: Ledger, entry: Entry) -> None:
        self.event(ledger=entry, when="before")
        write_entry(ledger, entry)
        self.event(ledger=entry, when="after")

    def hello(self, pipe: Pipe, seconds: float, asked: int | None = None) -> Reply:
        if asked is None and self.expect(pipe).point == START:
            self.kill(self.prey[pipe])
            seconds = min(seconds, HELLO)
        return await_hello(pipe, seconds, asked)

    def send(self, pipe: Pipe, data: bytes, deadline: float) -> None:
        """A target dies idle before an odd job, and busy over every other message."""
        if pipe not in self.prey:  # what goes before the hello is no message
            send(pipe, data, deadline)
            return
        prey, kind = self.prey[pipe], JOB if TINY in data else json.loads(data)["op"]
        prey.messages[kind] += 1
        number = prey.messages[kind]
        chosen = prey.point == f"{kind} {number}"
        idle = kind == JOB and number % 2
        if chosen and prey.words == WITHIN:
            data = json.dumps({**json.loads(data), "op": "exec", "argv": SUICIDE}).encode() + b"\n"
        elif chosen and idle:
            self.kill(prey)
        send(pipe, data, deadline)
        self.event(sent=f"{kind} {number}", target=pipe.name)
        if chosen and prey.words == WITHIN:
            self.killed(prey)
        elif chosen and not idle:
            self.kill(prey)

    def execute(self, monitor: Monitor, command: str, **arguments: Any) -> Any:
        """What was started last is what is frozen first."""
        answer = execute(monitor, command, **arguments)
        newest = list(self.prey.values())[-1]
        if command == "stop" and newest.point == FROZEN:
            self.kill(newest)
            newest.point = None
        return answer

    def close(self, pipe: Pipe, seconds: float = 10) -> None:
        if pipe in self.prey and self.prey[pipe].point == END:
            self.kill(self.prey[pipe])
        close(pipe, seconds)


def found(prey: Prey) -> int | None:
    """Return the PID of the process to kill: behind the pipe, and at the start what is younger than the first.

    An engine's daemon is older and nobody's child; its words name a folder of the test's own.
    """
    if OWN in prey.words:
        pids = since(0)
    elif prey.point == START:
        pids = [pid for pid in since(start_time(prey.pipe.process.pid) or 0) if ours(pid)]
    else:
        pids = [process.pid for process in behind(prey.pipe)]
    return next((pid for pid in pids if re.search(prey.words, command_line(pid))), None)


def end_of(victim: int) -> None:
    """Kill a process and see all its threads die."""
    descriptor = os.pidfd_open(victim)
    os.kill(victim, signal.SIGKILL)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()
    os.close(descriptor)


def since(born: int) -> list[int]:
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    return [pid for pid in pids if (start_time(pid) or -1) >= born]


def command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def ours(pid: int) -> bool:
    """Whether a process descends from this test."""
    with suppress(psutil.NoSuchProcess):
        return pid != os.getpid() and WARD in [parent.pid for parent in psutil.Process(pid).parents()]
    return False


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a bound method in a form that can be another class's."""

    def bound(*words: Any, **named: Any) -> Any:
        return function(*words, **named)

    return bound


def main() -> None:
    told = json.loads(os.environ["VBENCH_TEST_KILLS"])
    one = Assassin(Path(told["journal"]), told["own"], told["victims"])
    profile = Profile("smoke", told["boots"], blocks=1, warmups=0, iterations=len(JOBS), seconds=1)
    with ExitStack() as stack:
        for kind, name, function in (
            (Ledger, "_write", one.write),
            (Pipe, "hello", one.hello),
            (Pipe, "_write", one.send),
            (Pipe, "close", one.close),
            (Monitor, "execute", one.execute),
        ):
            stack.enter_context(patch.object(kind, name, method(function)))
        stack.enter_context(patch.object(pipes, "GRACE", HUNG))
        stack.enter_context(patch.dict(PROFILES, smoke=profile))
        cli.main()


if __name__ == "__main__":
    main()
