"""Takes out of a snapshot what names a machine or its owner: serials, addresses, host names, UUIDs, container ids."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

from vbench.probes import Snapshot

HOST = "host"
Substitute = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _zeros(match: re.Match[str]) -> str:
    return re.sub(r"[0-9a-fA-F]", "0", match[0])


def _no_address(match: re.Match[str]) -> str:
    try:
        return str(IPv6Address(0) if IPv6Address(match[0]) else match[0])
    except ValueError:
        return match[0]


# In every text.
EVERYWHERE: tuple[Substitute, ...] = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), _zeros),
    (re.compile(r"(?<![0-9a-fA-F:-])[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}(?![0-9a-fA-F])"), _zeros),
    (re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{64})(?![0-9a-fA-F])"), _zeros),
    (re.compile(r"(?im)^((?:serial|identification|sequence code|lpar name|lpar extended name|vm\d\d (?:extended )?name"
                r"|serial_number|partition_name|system_id)\s*[:=]\s*)\S.*$"), r"\1masked"),
    (re.compile(r"(identification = )[0-9A-F]+"), r"\g<1>000000"),
    (re.compile(r"\([\w.+-]+@[\w.-]+\)"), "(builder@host)"),
)  # fmt: skip
# Only where people's words are: elsewhere four numbers with dots are a version.
WORDS: tuple[Substitute, ...] = (
    (re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "0.0.0.0"),  # noqa: S104 - a mask, not an address to bind
    (re.compile(r"(?<![\w:.])[0-9a-fA-F:]{7,39}(?![\w:.])"), _no_address),
    (re.compile(r"(?m)(?<= )(//[^/\s]+|[\w.-]+:)(?=/)"), "host:"),
    (re.compile(r"(?<=/home/)[^/\s:,]+"), "user"),
)
FREE = (
    "/proc/cmdline", "/proc/self/mountinfo", "/proc/mounts", "/proc/version", "/proc/self/cgroup", "/proc/1/cgroup",
    "/run/.containerenv", "/proc/1/environ", "/proc/sysinfo", "/proc/ppc64/lparcfg", "/proc/swaps", "/proc/self/status",
)  # fmt: skip
ASSET = "/sys/class/dmi/id/chassis_asset_tag"
KNOWN_ASSETS = ("7783-7084-3265-9085-8269-3286-77", "OracleCloud.com", "Amazon EC2", "No Asset Tag", "")
PARTITION = "/proc/device-tree/ibm,partition-name"


def masked(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without what identifies its machine; what the probes read of it stays."""
    name = snapshot.json.get("host")
    name = name if isinstance(name, str) and name else None
    files = {path: _file(path, data, name) for path, data in snapshot.files.items()}
    json = _object({key: value for key, value in snapshot.json.items() if key != "host"}, name)
    return replace(snapshot, files=files, json=json)


def _file(path: str, data: bytes, name: str | None) -> bytes:
    if path == ASSET and data.decode("utf-8", "replace").strip() not in KNOWN_ASSETS:
        return b""
    if path == PARTITION and data.strip(b"\0\n") != b"full":
        return b"masked"
    if path.startswith("/sys/firmware/"):
        return data
    text = data.decode("utf-8", "surrogateescape")
    return _text(text, name if path in FREE else None, free=path in FREE).encode("utf-8", "surrogateescape")


def _text(text: str, name: str | None, *, free: bool) -> str:
    for pattern, by in (*EVERYWHERE, *(WORDS if free else ())):
        text = pattern.sub(by, text)
    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", HOST, text) if name else text


def _object(value: Any, name: str | None) -> Any:
    if isinstance(value, Mapping):
        return {key: _object(one, name) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_object(one, name) for one in value]
    return _text(value, name, free=True) if isinstance(value, str) else value
