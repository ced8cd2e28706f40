import bz2
import gzip
import lzma
import struct
import subprocess
from collections.abc import Callable

import pytest

from vbench.errors import InputError
from vbench.image.kernel import decompress, vmlinux

ELF = b"\x7fELF" + bytes(range(256)) * 40


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout


def bzimage(payload: bytes, *, version: int = 0x20F, sectors: int = 3) -> bytes:
    """A kernel as the boot protocol lays it out: boot sector, setup sectors, code, payload."""
    head = bytearray((sectors + 1) * 512)
    head[0x1F1] = sectors
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<II", head, 0x248, 100, len(payload))
    return bytes(head) + bytes(100) + payload + b"relocations"


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress, zstd])
def test_a_payload_with_its_size_behind_it_is_unpacked(pack: Callable[[bytes], bytes]) -> None:
    assert vmlinux(bzimage(pack(ELF) + struct.pack("<I", len(ELF)))) == ELF


def test_a_gzip_payload_has_no_size_behind_it() -> None:
    assert vmlinux(bzimage(gzip.compress(ELF))) == ELF


def test_what_is_no_bzimage_is_unpacked_or_left_alone() -> None:
    assert vmlinux(ELF) == ELF
    assert vmlinux(gzip.compress(ELF)) == ELF
    assert decompress(b"plain") == b"plain"


def test_a_kernel_before_the_payload_fields_is_refused() -> None:
    with pytest.raises(InputError, match="too old"):
        vmlinux(bzimage(gzip.compress(ELF), version=0x207))
