"""The agent as one zip with a digest that depends on its sources alone."""

import hashlib
import io
import zipfile
from functools import cache
from pathlib import Path

from vbench import agent

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
MAIN = b'"""Start the agent."""\n\nfrom agent.first import main\n\nmain()\n'
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
    told = sources()[FIRST].replace(UNPACKED, f'DIGEST = "{digest()}"'.encode())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {"__main__.py": MAIN, **sources(), FIRST: told}.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
