"""The host's end of the pipe: every op has a deadline that does not wait for EOF, and every word is checked.

What comes through is untrusted: a line is bounded, must be JSON of the expected form, and never becomes a path or a
command.
"""

import base64
import itertools
import json
import math
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vbench.errors import JobError, TargetError
from vbench.targets import pyz

LINE_LIMIT = 16 * 2**20  # bytes of one answer: two outputs with every byte escaped, and more; it may take 25 times that
NOISE_LIMIT = 256 * 1024  # bytes that may come before the hello: engines and boot loaders chatter
CONSOLE_LIMIT = 64 * 1024  # bytes kept of what a target says beside the pipe
OUTPUT_LIMIT = 2**20  # bytes kept of a job's stdout and stderr
CHUNK = 2**20
TICK = b"\0"  # a guest's sign of life on its console, which shows nothing
TICKS = 100_000  # that are remembered
LAST_LINES = 24  # that are shown
PANIC = "Kernel panic"
GRACE = 10.0  # seconds beyond a job's own deadline within which the agent must answer
LAST_WORDS = 0.5  # seconds in which what a process said before its end still comes
NO_PROGRAM = 127  # what sh and env end with where there is no such program
LACKING = " (the image lacks it: name its package in a recipe, then `vbench image build --recipe FILE`)"
RUSAGE = ("utime", "stime", "maxrss", "minflt", "majflt", "inblock", "oublock", "nvcsw", "nivcsw")  # of getrusage(2)
Reply = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job. Times in seconds; `wall` by the target's clock, `host_wall` by ours around the exchange."""

    status: int | None
    signal: int | None
    timed_out: bool
    wall: float
    host_wall: float
    stdout: str
    stderr: str
    rusage: Mapping[str, float]
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]

    @property
    def ok(self) -> bool:
        """Whether the job ended by itself with status 0."""
        return self.status == 0 and not self.timed_out

    def complaint(self) -> str:
        """Return the end of the job and the last line that it said, as one clause."""
        lines = printable_lines(self.stderr or self.stdout)
        said = f": {lines[-1].strip()[:200]}" if lines else ""
        if self.timed_out:
            return f"ran past its deadline{said}"
        if self.signal:
            return f"was ended by signal {self.signal}{said}"
        return f"exited with {self.status}{said}{LACKING if self.status == NO_PROGRAM else ''}"


def printable_lines(text: str) -> list[str]:
    """Return the non-empty lines of what a target said, without what could steer a terminal."""
    clean = ("".join(c for c in line if c.isprintable()).rstrip() for line in text.splitlines())
    return [line for line in clean if line]


class Console:
    """The last words of a target beside the pipe: its stderr, and a guest's serial console."""

    def __init__(self, descriptor: int) -> None:
        self._tail = bytearray()
        self._descriptor = descriptor
        self.ticks: deque[float] = deque(maxlen=TICKS)  # when signs of life came, in seconds of our monotonic clock
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with suppress(OSError):
            while data := os.read(self._descriptor, 65536):
                if TICK in data:
                    self.ticks.append(time.monotonic())
                self._tail += data.replace(TICK, b"")
                del self._tail[:-CONSOLE_LIMIT]
        os.close(self._descriptor)

    def last_tick(self) -> float:
        """Return when the last sign of life came, 0 where none did."""
        return self.ticks[-1] if self.ticks else 0.0

    def last(self, lines: int = LAST_LINES) -> str:
        """Return the last non-empty lines, control characters removed; a kernel's panic comes before its long trace."""
        self._thread.join(0.2)
        said = printable_lines(bytes(self._tail).decode("utf-8", "replace"))
        cause = [line for line in said[:-lines] if PANIC in line][-1:]
        return "\n".join(cause + said[len(said) - lines + len(cause) :] if cause else said[-lines:])

    def overhear(self, line: bytes) -> None:
        """Add what was said on the pipe and is no message."""
        self._tail += line[:200] + b"\n"


class Pipe:
    """An open pipe to an agent behind a process that was started with pipes for all three standard streams."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a pipe needs all three streams")
        self.process = process
        self.started = time.monotonic()
        self.name = name
        self.beyond: Callable[[], Sequence[int]] = (
            tuple  # PIDs of what serves it behind a daemon and holds no end of it
        )
        self.console = Console(os.dup(process.stderr.fileno()))
        self._sink = process.stdin.fileno()
        self._source = process.stdout.fileno()
        self._end = os.pidfd_open(process.pid)  # readable once the first process has ended
        for descriptor in (self._sink, self._source):
            os.set_blocking(descriptor, False)
        self._buffer = bytearray()
        self._ids = itertools.count(1)

    def feed(self, data: bytes, seconds: float) -> None:
        """Write what is no message: something over there reads it before an agent does."""
        self._write(data, time.monotonic() + seconds)

    def hello(self, seconds: float, asked: int | None = None) -> Reply:
        """Wait for an agent's own hello and check that it is our agent; `asked` is the chain that must bring it."""
        return self._ours(self.heard(seconds, asked))

    def heard(self, seconds: float, asked: int | None = None) -> Reply:
        """Wait for the first message of our own, past whatever chatter; `asked` is the chain that must bring it."""
        deadline = time.monotonic() + seconds
        noise = 0
        while True:
            line = self._line(deadline, f"said no hello within {seconds:.0f} s", NOISE_LIMIT)
            message = _object(line)
            if message.get("id") == 0 and message.get("ok") is True:
                return message
            if asked is not None and message.get("id") == asked and message.get("ok") is False:
                raise self._lost(f"could not go on to the next hop: {_error(message)}")
            noise += len(line) + 1
            self.console.overhear(line)  # chatter belongs to the last words
            if noise > NOISE_LIMIT:
                raise self._lost("floods its pipe with something that is no hello")

    def greet(self, seconds: float) -> Reply:
        """Ask an agent that said its own hello to somebody else, before its guest was saved."""
        return self._ours(self.request("hello", seconds))

    def _ours(self, message: Reply) -> Reply:
        if message.get("digest") != pyz.digest():
            raise self._lost(f"runs another agent ({str(message.get('digest'))[:12]!r})")
        return message

    def request(self, op: str, seconds: float, **fields: Any) -> Reply:
        """Send one op and return its answer; beats of a running job do not move the deadline."""
        number = next(self._ids)
        deadline = time.monotonic() + seconds
        self._write(json.dumps({"id": number, "op": op, **fields}).encode() + b"\n", deadline)
        silent = f"gave no answer to '{op}' within {seconds:.0f} s"
        while "beat" in (reply := self._decode(self._line(deadline, silent))):
            if time.monotonic() > deadline:
                raise self._lost(silent)
        if reply.get("id") != number:
            raise self._lost(f"answered a question that was not asked ('{op}')")
        if reply.get("ok") is not True:
            lacking = LACKING if str(reply.get("error")).startswith("FileNotFoundError") and "argv" in fields else ""
            raise JobError(f"The agent in '{self.name}' could not do '{op}': {_error(reply)}{lacking}.")
        return reply

    def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: str = "",
        watch: Sequence[str] = (),
        limits: Mapping[str, int] | None = None,
    ) -> Outcome:
        """Run a job to its end or its deadline."""
        fields = {"argv": list(argv), "timeout": timeout, "env": env, "cwd": cwd, "stdin": stdin, "limits": limits}
        started = time.monotonic()
        reply = self.request("exec", timeout + GRACE, **fields, watch=list(watch), output=OUTPUT_LIMIT)
        return self._outcome(reply, time.monotonic() - started, watch)

    def start(self, argv: Sequence[str], *, until: str, timeout: float, env: Mapping[str, str], cwd: str) -> int:
        """Start a server and return its handle once its output shows `until`."""
        fields = {"argv": list(argv), "until": until, "timeout": timeout, "env": env, "cwd": cwd}
        reply = self.request("start", timeout + GRACE, **fields, output=OUTPUT_LIMIT)
        if not isinstance(reply.get("handle"), int):
            outcome = self._outcome(reply, 0.0)
            raise JobError(f"The server '{argv[0]}' did not come up in '{self.name}': it {outcome.complaint()}.")
        return int(reply["handle"])

    def stop(self, handle: int) -> None:
        """End a server."""
        self.request("stop", GRACE, handle=handle)

    def snapshot(self, options: Mapping[str, Any], seconds: float = 60) -> Reply:
        """Return what the agent collected: {"json": ..., "files": ..., ...}, as it came."""
        reply = self.request("snapshot", seconds, options=dict(options))
        return {key: value for key, value in reply.items() if key not in ("id", "ok")}

    def put(self, path: str, data: bytes, mode: int = 0o644, seconds: float = 60) -> None:
        """Write a file in the target."""
        for offset in range(0, max(len(data), 1), CHUNK):
            chunk = base64.b64encode(data[offset : offset + CHUNK]).decode()
            self.request("put", seconds, path=path, data=chunk, offset=offset, mode=mode)

    def get(self, path: str, limit: int = LINE_LIMIT, seconds: float = 60) -> bytes:
        """Return a file of the target, `limit` bytes at most, all of it within `seconds`."""
        deadline = time.monotonic() + seconds
        data = b""
        end = False
        while len(data) < limit and not end:
            reply = self.request("get", seconds, path=path, offset=len(data), length=min(CHUNK, limit - len(data)))
            try:
                chunk, end = base64.b64decode(reply["data"], validate=True), bool(reply["end"])
            except (KeyError, TypeError, ValueError):
                raise self._misshapen() from None
            if not chunk and not end:
                raise self._misshapen()
            if time.monotonic() > deadline:
                raise self._lost(f"sent no end of '{path}' within {seconds:.0f} s")
            data += chunk
        return data[:limit]

    def chain(self, argv: Sequence[str], seconds: float, env: Mapping[str, str] | None = None) -> Reply:
        """Let the agent execute the next hop's argv in its own place; return the next agent's hello."""
        number = next(self._ids)
        message = {"id": number, "op": "chain", "argv": list(argv), "env": env}
        self._write(json.dumps(message).encode() + b"\n", time.monotonic() + GRACE)
        return self.hello(seconds, number)

    def exchange(self, other: "Pipe") -> None:
        """Trade processes with another pipe, as a guest goes on in another QEMU; nothing is under way on either."""
        for name in ("process", "console", "_sink", "_source", "_end", "_buffer"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, theirs)
            setattr(other, name, mine)

    def bye(self) -> None:
        """Ask the agent to end: it gives no answer, and everything that was started for it ends in its own way."""
        self._write(json.dumps({"id": next(self._ids), "op": "bye"}).encode() + b"\n", time.monotonic() + GRACE)

    def close(self, seconds: float = 10) -> None:
        """Close our end, wait for the process, and kill its session if it does not go by itself."""
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        if self._end >= 0:
            os.close(self._end)
            self._end = -1
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()

    def _outcome(self, reply: Reply, host_wall: float, watched: Sequence[str] = ()) -> Outcome:
        try:
            return Outcome(
                status=_optional_int(reply["status"], 255),
                signal=_optional_int(reply["signal"], signal.NSIG),
                timed_out=bool(reply["timed_out"]),
                wall=_finite(reply["wall"]),
                host_wall=host_wall,
                stdout=str(reply["stdout"])[:OUTPUT_LIMIT],
                stderr=str(reply["stderr"])[:OUTPUT_LIMIT],
                rusage={name: _finite(reply["rusage"][name]) for name in RUSAGE if name in reply["rusage"]},
                before=_counters(reply.get("before"), watched),
                after=_counters(reply.get("after"), watched),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            raise self._misshapen() from None

    def _misshapen(self) -> TargetError:
        return self._lost("gave an answer of the wrong form")

    def _decode(self, line: bytes) -> Reply:
        reply = _object(line)
        if not reply:
            self.console.overhear(line)
            raise self._lost("speaks garbage on its pipe")
        return reply

    def _line(self, deadline: float, failure: str, limit: int = LINE_LIMIT) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > limit:
                raise self._lost("floods its pipe")
            self._await(self._source, select.POLLIN, deadline, failure)
            try:
                data = os.read(self._source, 2**20)
            except BlockingIOError:
                continue
            if not data:
                raise self._lost("died: its pipe is closed")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._await(self._sink, select.POLLOUT, deadline, "takes no more input")
            try:
                view = view[os.write(self._sink, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._lost("died: its pipe is closed") from None
        if _ready(0, {self._end: select.POLLIN}):  # what it started may well live on, and answer
            raise self._lost("died: its first process has ended")

    def _await(self, descriptor: int, event: int, deadline: float, failure: str) -> None:
        """Wait until the descriptor is ready; one whose target's first process has ended is lost, whoever holds it."""
        left = deadline - time.monotonic()
        if left <= 0 or not _ready(left, {descriptor: event, self._end: select.POLLIN}):
            raise self._lost(failure)
        if not _ready(LAST_WORDS, {descriptor: event}):
            raise self._lost("died: its first process has ended")

    def _lost(self, what: str) -> TargetError:
        return TargetError(f"The target '{self.name}' {what}.", console=self.console.last())


def _ready(seconds: float, events: Mapping[int, int]) -> bool:
    """Return whether one of the descriptors is ready for its event within the time."""
    poll = select.poll()
    for descriptor, event in events.items():
        poll.register(descriptor, event)
    return bool(poll.poll(seconds * 1000))


def _object(line: bytes) -> Reply:
    """Return a line's JSON object, an empty one where it is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _error(reply: Reply) -> str:
    """Return what an agent says of its failure as one printable clause."""
    return " ".join(printable_lines(str(reply.get("error"))))[:300]


def _optional_int(value: object, most: int) -> int | None:
    number = None if value is None else int(value)  # type: ignore[call-overload]
    if number is not None and not 0 <= number <= most:
        raise ValueError
    return number


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError
    return number


def _counters(contents: Mapping[str, object] | None, watched: Sequence[str]) -> dict[str, str | None]:
    """Return the content of each watched file, None where it could not be read."""
    found = {path: (contents or {}).get(path) for path in watched}
    return {path: None if content is None else str(content)[:OUTPUT_LIMIT] for path, content in found.items()}
