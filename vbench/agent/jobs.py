"""Execute argv: bounded output, a deadline that does not wait for EOF, heartbeats, and what the kernel counted."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

from .first import OUTPUT_LIMIT
from .wire import Closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .wire import Message, Wire

BEAT = 2.0  # seconds between signs of life while a job runs
WATCH_LIMIT = 64 * 1024  # bytes kept of a watched file
servers: dict[int, Job] = {}  # by handle


class Job:
    """A started process with its collected output; `limit` bytes are kept of each stream, all of it is counted."""

    def __init__(self, request: Message) -> None:
        argv = request["argv"]
        environment = request.get("env")
        self.limit = min(request.get("output", OUTPUT_LIMIT), OUTPUT_LIMIT)
        self.status: int | None = None
        self.usage: object = None
        self.ended = 0.0
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if request.get("stdin") else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=request.get("cwd"),
            start_new_session=True,
            preexec_fn=limiter(request.get("limits")),  # noqa: PLW1509 - set only where a job has limits
        )
        self.kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.total = dict.fromkeys(self.kept, 0)
        self.open: dict[int, str] = {getattr(self.process, name).fileno(): name for name in self.kept}
        for descriptor in self.open:
            os.set_blocking(descriptor, False)
        self.feed((request.get("stdin") or "").encode("utf-8", "surrogateescape"))

    def feed(self, data: bytes) -> None:
        """Give the job its input; what a full pipe cannot take at once follows from a helper thread."""
        sink = self.process.stdin
        if sink is None:
            return
        import threading

        def write() -> None:
            try:
                with sink:
                    sink.write(data)
            except OSError:
                pass

        threading.Thread(target=write, daemon=True).start()

    def reap(self) -> bool:
        """Note the end and the resource usage as soon as the process is gone; return whether it is."""
        if self.status is None:
            try:
                pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status, usage = self.process.pid, 0, None
            if pid:
                self.ended = time.monotonic()
                self.status, self.usage = status, usage
                self.process.returncode = status
        return self.status is not None

    def drain(self, descriptor: int) -> bool:
        """Take what a stream holds; return whether it may hold more later."""
        name = self.open[descriptor]
        data = os.read(descriptor, 65536)
        self.total[name] += len(data)
        self.kept[name] += data[: self.limit - len(self.kept[name])]
        if not data:
            del self.open[descriptor]
        return bool(data)

    def kill(self) -> None:
        """End the job's whole session."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """Take what is left in the streams without waiting for their end, and close them."""
        for descriptor in list(self.open):
            try:
                while self.drain(descriptor):
                    pass
            except BlockingIOError:
                pass
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def report(self) -> Message:
        """Return the outcome: status, output, wall time in seconds, and getrusage(2) of the process."""
        status = self.status or 0
        signaled = os.WIFSIGNALED(status)
        reply: Message = {
            "status": None if signaled else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if signaled else None,
            "wall": self.ended - self.started,
            "rusage": {k[3:]: getattr(self.usage, k) for k in dir(self.usage) if k.startswith("ru_")},
        }
        for name, kept in self.kept.items():
            reply[name] = kept.decode("utf-8", "surrogateescape")
            reply[name + "_total"] = self.total[name]
        return reply


def limiter(limits: dict[str, int] | None) -> Callable[[], None] | None:
    """Return what sets resource limits in the child, named as in getrlimit(2) without RLIMIT_, or None."""
    if not limits:
        return None
    import resource

    pairs = [(getattr(resource, "RLIMIT_" + name.upper()), value) for name, value in limits.items()]

    def apply() -> None:
        for kind, value in pairs:
            resource.setrlimit(kind, (value, value))

    return apply


def watch(paths: Iterable[str]) -> dict[str, str | None]:
    """Return the content of counters such as /proc/stat, unread by us."""
    contents: dict[str, str | None] = {}
    for path in paths:
        try:
            with open(path, "rb") as source:
                contents[path] = source.read(WATCH_LIMIT).decode("utf-8", "surrogateescape")
        except OSError:
            contents[path] = None
    return contents


def execute(wire: Wire, request: Message) -> Message:
    """Run a job to its end or its deadline (`timeout`, seconds)."""
    paths = request.get("watch") or ()
    before = watch(paths)
    job = Job(request)
    try:
        late = follow(wire, request, job, lambda: False)
    finally:
        job.kill()
        wait_for(job)
        sweep(keep=servers.values())
    job.close()
    return dict(job.report(), timed_out=late, before=before, after=watch(paths))


def follow(wire: Wire, request: Message, job: Job, satisfied: Callable[[], bool]) -> bool:
    """Drain a job until it ends or `satisfied()`; return whether the deadline came first. The host's EOF ends all."""
    alarm, bell = os.pipe()
    for end in (alarm, bell):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    previous = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    streams = {fd: owner for owner in (job, *servers.values()) for fd in owner.open}
    poll = select.poll()
    for descriptor in (alarm, *streams):
        poll.register(descriptor, select.POLLIN)
    poll.register(wire.source, select.POLLHUP | select.POLLRDHUP)
    deadline = job.started + request.get("timeout", 60)
    beat = job.started + BEAT
    beats = 0
    try:
        while not job.reap() and not satisfied():
            now = time.monotonic()
            if now >= deadline:
                return True
            if now >= beat:
                beats, beat = beats + 1, now + BEAT
                wire.send({"id": request.get("id"), "beat": beats})
            for descriptor, _ in poll.poll(1000 * max(0.0, min(deadline, beat) - now)):
                if descriptor == wire.source:
                    raise Closed
                if descriptor == alarm:
                    os.read(alarm, 512)
                elif not streams[descriptor].drain(descriptor):
                    poll.unregister(descriptor)
        return False
    finally:
        signal.set_wakeup_fd(previous)
        os.close(alarm)
        os.close(bell)


def wait_for(job: Job) -> None:
    """Reap a process that was killed; one that the kernel cannot end (state D) is left after five seconds."""
    until = time.monotonic() + 5
    while not job.reap() and time.monotonic() < until:
        time.sleep(0.01)
    if job.status is None:
        job.status, job.ended = signal.SIGKILL, time.monotonic()


def start(wire: Wire, request: Message) -> Message:
    """Start a server beside the jobs; answer once its output shows `until` (or at once without it)."""
    job = Job(request)
    until = (request.get("until") or "").encode()

    def ready() -> bool:
        return not until or until in job.kept["stdout"] or until in job.kept["stderr"]

    late = follow(wire, request, job, ready)
    if late or job.status is not None:
        job.kill()
        wait_for(job)
        job.close()
        return dict(job.report(), handle=None, timed_out=late)
    servers[job.process.pid] = job
    wire.idle = lambda: attend(wire)
    return {"handle": job.process.pid}


def attend(wire: Wire) -> None:
    """Take what servers say until the host says something: one whose pipe is full would stand still."""
    streams = {descriptor: server for server in servers.values() for descriptor in server.open}
    poll = select.poll()
    for descriptor in (wire.source, *streams):
        poll.register(descriptor, select.POLLIN)
    while streams:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if wire.source in ready:
            return
        for descriptor in ready:
            if not streams[descriptor].drain(descriptor):
                poll.unregister(descriptor)
                del streams[descriptor]


def stop(wire: Wire, request: Message) -> Message:
    """End a server, politely for `grace` seconds, and return its outcome."""
    job = servers.pop(request["handle"])
    try:
        os.killpg(job.process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    until = time.monotonic() + request.get("grace", 0.5)
    while not job.reap() and time.monotonic() < until:
        time.sleep(0.005)
    job.kill()
    wait_for(job)
    job.close()
    sweep(keep=servers.values())
    return job.report()


def sweep(keep: Iterable[Job]) -> None:
    """Kill and reap every child of ours that is none of `keep`: what jobs left behind comes to us as to a subreaper."""
    kept = {job.process.pid for job in keep}
    for _ in range(100):
        strays = [pid for pid in children() if pid not in kept]
        if not strays:
            return
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def children() -> list[int]:
    """Return the PIDs whose parent is this process."""
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as source:
            return [int(word) for word in source.read().split()]
    except OSError:
        return []
