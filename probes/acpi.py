"""The ACPI tables that describe IOMMUs, read with every length checked: firmware and fuzzers write what they like."""

from collections.abc import Iterator
from dataclasses import dataclass

HEADER = 36  # bytes of every table's header; the table's own length is at 4
MOST_NODES = 4096
DMAR_UNITS, IVRS_UNITS = (0,), (0x10, 0x11, 0x40)  # DRHD; IVHD of three generations
IORT_SMMU, VIOT_VIRTIO, RIMT_IOMMU = (3, 4), (3, 4), (0,)


@dataclass(frozen=True)
class Table:
    """What a table says: how many IOMMU units of which kind, and the table's flags (DMAR's byte 37), if it has any.

    `units` is None where the table ends before its first node could be read.
    """

    kind: str
    units: int | None
    flags: int | None = None
    address_bits: int | None = None


def read(name: str, data: bytes) -> Table | None:
    """Return what a table of one of these names holds, None for other tables.

    Layouts: DMAR, Intel VT-d 8.1; IVRS, AMD 48882 5.2; IORT, ARM DEN 0049; VIOT, ACPI 6.5 5.2.34; RIMT, RISC-V.
    """
    data = data[: max(_int(data, 4, 4) or 0, HEADER)]
    if name == "DMAR":
        width = _int(data, 36, 1)
        return Table(
            "vt-d", _count(_walk(data, 48, 2), DMAR_UNITS, data, 48), _int(data, 37, 1), width + 1 if width else None
        )
    if name.startswith("IVRS"):
        return Table("amd-vi", _count(_walk(data, 48, 1), IVRS_UNITS, data, 48))
    layouts = {
        "IORT": ("smmu", 4, IORT_SMMU),
        "VIOT": ("virtio-iommu", 2, VIOT_VIRTIO),
        "RIMT": ("riscv-iommu", 4, RIMT_IOMMU),
    }
    if name not in layouts:
        return None
    kind, width, wanted = layouts[name]
    number, start = _int(data, 36, width), _int(data, 36 + width, width)
    if number is None or start is None or start < HEADER:
        return Table(kind, None)
    gap = 1 if name == "IORT" else 2  # IORT: type, length (2); the others: type, one byte, length (2)
    kinds = _walk(data, start, 1, gap, min(number, MOST_NODES))
    return Table(kind, sum(one in wanted for one in kinds))


def _walk(data: bytes, at: int, width: int, gap: int = 0, most: int = MOST_NODES) -> Iterator[int]:
    """Yield the types of nodes that follow each other: a type of `width` bytes, and 16 bits of length after it."""
    gap = gap or 2
    for _ in range(most):
        kind, length = _int(data, at, width), _int(data, at + gap, 2)
        if kind is None or not length or length < gap + 2 or at + length > len(data):
            return
        yield kind
        at += length


def _count(kinds: Iterator[int], wanted: tuple[int, ...], data: bytes, start: int) -> int | None:
    return None if len(data) < start else sum(kind in wanted for kind in kinds)


def _int(data: bytes, at: int, width: int) -> int | None:
    return int.from_bytes(data[at : at + width], "little") if at >= 0 and at + width <= len(data) else None
