"""The agent as one zip with a digest that depends on its sources alone."""

import hashlib
import io
import shlex
import zipfile
from functools import cache
from pathlib import Path

from vbench import agent

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
AGENT = "/usr/lib/vbench/agent.pyz"  # where every target sees the zip; the image has an empty file there
SERVE = b"from agent.main import run\n\nrun(*pipe)\n"
MAIN = b"from agent.first import start\n\npipe = start()\n\n" + SERVE
FIRST = "agent/first.py"
UNPACKED = b'DIGEST = "unpacked"'


@cache
def sources() -> dict[str, bytes]:
    """Return the agent's files by their names inside the zip, sorted."""
    folder = Path(agent.__file__).parent
    return {f"agent/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}


@cache
def digest() -> str:
    """Return the sha256 over the names and contents of the sources, in hex: what the agent says of itself in hello."""
    whole = hashlib.sha256()
    for name, content in sources().items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


@cache
def pack() -> bytes:
    """Return the zip: sorted names, fixed times, stored uncompressed, the same bytes on every machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {"__main__.py": MAIN, **sources(), FIRST: first_module()}.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def first_module() -> bytes:
    """Return the source of the first module with the digest in it."""
    return sources()[FIRST].replace(UNPACKED, f'DIGEST = "{digest()}"'.encode())


def start() -> bytes:
    """Return what a guest's initramfs sources to start the agent: the first word as a program of its own.

    Finding out that a file is a zip with a __main__ in it costs 100 ms under TCG, so that waits until after the hello.
    """
    program = first_module() + b'\npipe = start()\nsys.path.insert(0, "' + AGENT.encode() + b'")\n' + SERVE
    return b"start=" + shlex.quote(program.decode()).encode() + b"\n"
