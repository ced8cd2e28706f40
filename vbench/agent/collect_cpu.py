"""CPUID by executing the instruction (or through /dev/cpu/0/cpuid) and the few MSRs that say what firmware allows."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Leaf = Callable[[int, int], tuple[int, ...]]

BASES = ((0x00000000, 0x40), (0x80000000, 0x30), (0xC0000000, 0x08))  # first leaf of a range, most leaves read of it
SUBLEAVES = {0x4: 8, 0x7: 3, 0xB: 4, 0xD: 2, 0x10: 4, 0x12: 3, 0x14: 2, 0x1F: 6, 0x24: 2, 0x8000001D: 6, 0x80000026: 4}
HYPERVISORS = range(0x40000000, 0x40010000, 0x100)  # where Linux looks for signatures (hypervisor_cpuid_base)
HYPERVISOR_LEAVES = 0x10
CORE_TYPE = 0x1A
VISITED = 256  # CPUs that are looked at for their kind
MSRS = (0x3A, *range(0x480, 0x494), 0x10A, 0x1A0, 0xC0010010, 0xC0010015, 0xC0010114)

# push rbx; mov eax, edi; mov ecx, esi; mov r8, rdx; cpuid; the four registers to [r8]; pop rbx; ret
CODE = bytes.fromhex("53 89f8 89f1 4989d0 0fa2 418900 41895804 41894808 4189500c 5b c3")


def cpuid(errors: dict[str, str]) -> list[dict[str, Any]]:
    """Return the leaves of one CPU of each kind as PROBES.md has them; [] with the reason in `errors` without any."""
    from .collect_system import in_child

    result = in_child(_all_kinds, 5.0)
    if "value" in result:
        return result["value"]  # type: ignore[no-any-return]
    errors["cpuid"] = result["error"]
    try:
        handle = os.open("/dev/cpu/0/cpuid", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _record(errors, "/dev/cpu/0/cpuid", error)
        return []
    try:
        return _leaves(0, lambda leaf, sub: _words(os.pread(handle, 16, leaf | sub << 32)))
    except OSError as error:
        _record(errors, "/dev/cpu/0/cpuid", error)
        return []
    finally:
        os.close(handle)


def msrs(errors: dict[str, str]) -> list[dict[str, Any]]:
    """Return those of MSRS that the kernel lets us read, of CPU 0."""
    try:
        handle = os.open("/dev/cpu/0/msr", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _record(errors, "/dev/cpu/0/msr", error)
        return []
    found = []
    for index in MSRS:
        try:
            value = int.from_bytes(os.pread(handle, 8, index), "little")
        except OSError:  # EIO: this processor has no such register
            continue
        found.append({"cpu": 0, "index": hex(index), "value": hex(value)})
    os.close(handle)
    return found


def _all_kinds() -> list[dict[str, Any]]:
    """Visit the CPUs and read the leaves of the first of every kind: by family and model, and by core type."""
    leaf = _executed()
    found: list[dict[str, Any]] = []
    kinds = set()
    for cpu in sorted(os.sched_getaffinity(0))[:VISITED]:
        try:
            os.sched_setaffinity(0, {cpu})
        except OSError:  # it went offline
            continue
        kind = (leaf(1, 0)[0], leaf(CORE_TYPE, 0)[0] if leaf(0, 0)[0] >= CORE_TYPE else 0)
        if kind not in kinds:
            kinds.add(kind)
            found.extend(_leaves(cpu, leaf))
    return found


def _executed() -> Leaf:
    import ctypes
    import mmap
    import sys

    if sys.maxsize < 2**32 or os.uname().machine != "x86_64":
        raise OSError(38, "the machine code is for 64 bits")
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    call = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(start)
    out = (ctypes.c_uint32 * 4)()

    def leaf(number: int, sub: int) -> tuple[int, ...]:
        call(number, sub, ctypes.addressof(out))
        return tuple(out)

    leaf.page = page  # type: ignore[attr-defined]  # the code must outlive the calls
    return leaf


def _words(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 4], "little") for at in range(0, 16, 4))


def _leaves(cpu: int, leaf: Leaf) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for base, most in BASES:
        top = leaf(base, 0)[0]
        for number in range(base, min(top, base + most) + 1) if top >= base else ():
            found.extend(_entry(cpu, leaf, number, sub) for sub in range(SUBLEAVES.get(number, 1)))
    for base in HYPERVISORS:
        top = leaf(base, 0)[0]
        if base == HYPERVISORS[0] or base <= top < base + 0x100:  # else the answer belongs to another leaf
            last = min(top, base + HYPERVISOR_LEAVES) if base <= top < base + 0x100 else base
            found.extend(_entry(cpu, leaf, number, 0) for number in range(base, last + 1))
    return found


def _entry(cpu: int, leaf: Leaf, number: int, sub: int) -> dict[str, Any]:
    registers = zip(("eax", "ebx", "ecx", "edx"), leaf(number, sub))
    entry: dict[str, Any] = {"cpu": cpu, "leaf": "0x%08x" % number, "subleaf": hex(sub)}
    entry.update((name, "0x%08x" % value) for name, value in registers)
    return entry


def _record(errors: dict[str, str], path: str, error: OSError) -> None:
    from errno import errorcode

    errors[path] = errorcode.get(error.errno or 0, "EIO")
