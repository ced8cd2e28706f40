"""Starting agents, and seeing what is alive."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

Process = subprocess.Popen[bytes]
HELLO = 60.0  # seconds; generous, because nothing here is about speed


@contextmanager
def start_agent(argv: Sequence[str], stdin: int = subprocess.PIPE) -> Iterator[Process]:
    """Start an argv with pipes for all streams, and end it with the context."""
    process = subprocess.Popen(
        argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def soon(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether something comes true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def with_words(words: str) -> list[int]:
    """The processes whose command line holds `words`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if words in line and alive(int(folder.name)):
                found.append(int(folder.name))
    return found


def gone(words: str) -> bool:
    """Whether the processes whose command line holds `words` end: a kill takes its moment on a busy machine."""
    return soon(lambda: not with_words(words))
