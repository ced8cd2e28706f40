"""The agent's loop: one answer to each request, until the pipe closes."""

from __future__ import annotations

import os
import sys

from .first import INIT, hello
from .wire import Closed, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .wire import Message


def greet(wire: Wire, request: Message) -> Message:
    """Say hello again, to a host that did not hear the first: this guest was saved and restored."""
    return hello()


def snapshot(wire: Wire, request: Message) -> Message:
    """Collect what the probes of the host will interpret."""
    from .collect import snapshot as collect

    return collect(request.get("options") or {})


def chain(wire: Wire, request: Message) -> Message:
    """Execute the next hop's argv in this process's place, on this pipe: it never answers unless that fails."""
    argv = request["argv"]
    ours = [os.dup(stream) for stream in (0, 1)]
    for stream, descriptor in enumerate((wire.source, wire.sink)):
        os.dup2(descriptor, stream)
    die_with_parent(9)  # what comes in our place may take no notice of SIGTERM
    try:
        os.execvpe(argv[0], argv, request.get("env") or dict(os.environ))  # noqa: S606 - this is what chaining is
    finally:  # it failed: no stray print may reach the pipe
        for stream, descriptor in enumerate(ours):
            os.dup2(descriptor, stream)
            os.close(descriptor)


def bye(wire: Wire, request: Message) -> Message:
    """End the loop after the answer."""
    raise Closed


def handler(op: str) -> Callable[[Wire, Message], Message]:
    """Return the function of an op; what a bare hello does not need is imported when first asked for."""
    if op in ("exec", "start", "stop"):
        from . import jobs

        return {"exec": jobs.execute, "start": jobs.start, "stop": jobs.stop}[op]
    if op in ("put", "get"):
        from . import files

        return {"put": files.put, "get": files.get}[op]
    return {"hello": greet, "snapshot": snapshot, "chain": chain, "bye": bye}[op]


def answer(wire: Wire, request: Message) -> Message:
    """Return the reply to one request; an error of ours travels with its traceback."""
    try:
        return dict(handler(request["op"])(wire, request), ok=True)
    except Closed:
        raise
    except Exception as error:  # noqa: BLE001 - the host decides what an error means
        import traceback

        return {"ok": False, "error": "%s: %s" % (type(error).__name__, error), "trace": traceback.format_exc()}


def respond(wire: Wire) -> Message:
    """Return the reply to the next request; a line that is none is answered without an id."""
    try:
        request = wire.receive()
    except (ValueError, RecursionError) as error:
        return {"ok": False, "id": None, "error": "this is no request: %s" % error}
    return dict(answer(wire, request), id=request.get("id"))


def run(source: int, sink: int) -> None:
    """Serve the pipe that the first word went out on; a guest's init does it in a child."""
    if sys.argv[1:] == [INIT]:
        from .init import become_init

        become_init()
    serve(Wire(source, sink))


def serve(wire: Wire) -> None:
    """Answer until the host closes the pipe, then take every process of ours along."""
    try:
        guard()
        while True:
            wire.send(respond(wire))
    except (Closed, OSError):
        pass
    finally:
        from . import jobs

        jobs.sweep(keep=())


def guard() -> None:
    """End with the parent, but not before our jobs: SIGTERM closes the pipe. Inherit the orphans of jobs."""
    import signal

    def end(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough: what follows must not be interrupted
        raise Closed

    signal.signal(signal.SIGTERM, end)
    die_with_parent(signal.SIGTERM)
    prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def die_with_parent(signal: int) -> None:
    """Choose the signal that comes with the parent's death; it survives an exec."""
    prctl(1, signal)  # PR_SET_PDEATHSIG


def prctl(option: int, value: int) -> None:
    """Change an attribute of this process (prctl(2))."""
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
