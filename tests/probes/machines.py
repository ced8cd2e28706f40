"""Hand-made machines: snapshots from a few files and registers."""

from collections.abc import Mapping
from typing import Any

from vbench.model import Fact
from vbench.probes import FAILED, Snapshot, facts

INTEL = "vendor_id\t: GenuineIntel\nmodel name\t: Imaginary\nflags\t\t: fpu lm {}\n"


def machine(files: Mapping[str, str | bytes] | None = None, **json: Any) -> Snapshot:
    """A snapshot of these files; `json` becomes vbench-snapshot.json, `present` and `links` what they are in it."""
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in (files or {}).items()}
    present, links = frozenset(json.pop("present", ())), json.pop("links", {})
    return Snapshot(contents, links, present, json)


def leaf(number: int, eax: int = 0, ebx: int = 0, ecx: int = 0, edx: int = 0, sub: int = 0) -> dict[str, Any]:
    """One CPUID leaf in the form of PROBES.md."""
    words = {"eax": hex(eax), "ebx": hex(ebx), "ecx": hex(ecx), "edx": hex(edx)}
    return {"cpu": 0, "leaf": hex(number), "subleaf": hex(sub), **words}


def signature(text: str, number: int = 0x40000000) -> dict[str, Any]:
    """The hypervisor leaf with these 12 letters."""
    data = text.encode().ljust(12, b"\0")
    ebx, ecx, edx = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8))
    return leaf(number, number + 1, ebx, ecx, edx)


def fact(snapshot: Snapshot, key: str) -> Fact:
    """The one fact of this key."""
    (found,) = [one for one in facts(snapshot) if one.key == key]
    assert not found.source.startswith(FAILED)
    return found


def value(snapshot: Snapshot, key: str) -> Any:
    """Its value."""
    return fact(snapshot, key).value


def table(name: str, body: bytes, oem: bytes = b"ACME  ") -> bytes:
    """An ACPI table with a right header around what comes after it."""
    header = name[:4].encode() + (36 + len(body)).to_bytes(4, "little") + b"\1\0" + oem + b"TABLEID " + bytes(12)
    return header + body


def dmar(flags: int, units: int = 1, width: int = 38) -> bytes:
    """A DMAR table with this many hardware units of 16 bytes."""
    return table("DMAR", bytes([width, flags]) + bytes(10) + (b"\0\0\x10\0" + bytes(12)) * units)
