"""From Debian's kernel package to what a guest boots: the ELF image inside a bzImage.

QEMU enters an ELF kernel through its PVH note, which spares the guest the unpacking.
Offsets are those of the boot protocol (Linux, Documentation/arch/x86/boot.rst).
"""

import bz2
import lzma
import struct
import subprocess
import zlib
from collections.abc import Callable

from vbench.errors import HostError, InputError

_ELF = b"\x7fELF"
_SECTOR = 512
_PAYLOAD_SINCE = 0x208  # the boot protocol that brought payload_offset and payload_length


def vmlinux(image: bytes) -> bytes:
    """Return the kernel proper: unpacked from a bzImage or a compressed Image, unchanged if it is neither."""
    payload = _payload(image) if image[0x202:0x206] == b"HdrS" else image
    return decompress(payload)


def _payload(image: bytes) -> bytes:
    setup_sectors = image[0x1F1] or 4
    (version,) = struct.unpack_from("<H", image, 0x206)
    if version < _PAYLOAD_SINCE:
        raise InputError(
            "The kernel is too old to be unpacked.", "Name a kernel of Linux 2.6.26 or later in the recipe."
        )
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * _SECTOR + offset
    payload = image[start : start + length]
    # Every format but gzip has the unpacked size appended (scripts/Makefile.lib, size_append), which tools choke on.
    return payload if payload.startswith(b"\x1f\x8b") else payload[:-4]


def decompress(data: bytes) -> bytes:
    """Return `data` unpacked by the format that its first bytes show, or as it is if they show none."""
    for magic, unpack in _FORMATS.items():
        if data.startswith(magic):
            return unpack(data)
    return data


def _gunzip(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data)


def _with(*argv: str) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        try:
            return subprocess.run([*argv, "-dc"], input=data, capture_output=True, check=True).stdout
        except FileNotFoundError:
            remedy = f"apt-get install {argv[0]}"
            raise HostError(f"The kernel is packed with '{argv[0]}', which is missing.", remedy) from None

    return unpack


_FORMATS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _gunzip,
    b"\xfd7zXZ\0": lzma.decompress,
    b"\x5d\0\0": lzma.decompress,
    b"BZh": bz2.decompress,
    b"\x28\xb5\x2f\xfd": _with("zstd"),
    b"\x02\x21\x4c\x18": _with("lz4"),
    b"\x89LZO": _with("lzop"),
}
