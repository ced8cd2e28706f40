"""Asks /dev/kvm what it can do and lets a guest of three instructions run, in a child that may hang or die."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = 3.0  # for all of it; a child that needs more is killed
RUN_SECONDS = 0.03  # how long exits are counted
CAPS = (9, 55, 66, 77, 117, 132, 133, 134, 143, 157, 160, 166, 168, 180, 182, 187, 192, 217, 234, 235, 240, 241)

GET_API_VERSION = 0xAE00
CREATE_VM = 0xAE01
CHECK_EXTENSION = 0xAE03
GET_VCPU_MMAP_SIZE = 0xAE04
CREATE_VCPU = 0xAE41
SET_TSS_ADDR = 0xAE47
RUN = 0xAE80
GET_SUPPORTED_CPUID = 0xC008AE05
SET_USER_MEMORY_REGION = 0x4020AE46
SET_REGS = 0x4090AE82
GET_SREGS = 0x8138AE83
SET_SREGS = 0x4138AE84
EXIT_IO = 2
EXIT_HLT = 5

GUEST = bytes.fromhex("e610 f4 ebfb")  # again: out 0x10, al; hlt; jmp again
PORT = 0x10


def kvm(machine: str) -> dict[str, Any]:
    """Return what PROBES.md names "kvm"; where the child died, {"child": why} beside what is known."""
    from .collect_system import in_child

    try:
        handle = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return {"open_errno": error.errno}
    try:
        result = in_child(lambda: _ask(handle, machine), SECONDS)
    finally:
        os.close(handle)
    found = {"open_errno": 0}
    found.update(result.get("value") or {"child": result["error"]})
    return found


def _ask(handle: int, machine: str) -> dict[str, Any]:
    from fcntl import ioctl

    found: dict[str, Any] = {}
    try:
        found["api_version"] = ioctl(handle, GET_API_VERSION, 0)
    except OSError as error:
        return {"api_errno": error.errno}
    found["caps"] = {str(cap): _tried(handle, CHECK_EXTENSION, cap) for cap in CAPS}
    if machine in ("x86_64", "i686"):
        found["supported_cpuid"] = _supported_cpuid(handle)
    try:
        vm = ioctl(handle, CREATE_VM, 0)
        found["create_vm_errno"] = 0
    except OSError as error:
        found["create_vm_errno"] = error.errno
        return found
    try:
        vcpu = ioctl(vm, CREATE_VCPU, 0)
        found["create_vcpu_errno"] = 0
    except OSError as error:
        found["create_vcpu_errno"] = error.errno
        return found
    if machine == "x86_64":
        found["run"] = _run(handle, vm, vcpu)
    return found


def _tried(handle: int, request: int, argument: int) -> int:
    from fcntl import ioctl

    try:
        return ioctl(handle, request, argument)
    except OSError:
        return 0


def _supported_cpuid(handle: int) -> list[dict[str, Any]]:
    from fcntl import ioctl
    from struct import calcsize, pack_into, unpack_from

    most, entry = 256, "<7I12x"
    answer = bytearray(8 + most * calcsize(entry))
    pack_into("<I", answer, 0, most)
    try:
        ioctl(handle, GET_SUPPORTED_CPUID, answer)
    except OSError:
        return []
    found = []
    for index in range(min(most, unpack_from("<I", answer)[0])):
        leaf, sub, _, *registers = unpack_from(entry, answer, 8 + index * calcsize(entry))
        row: dict[str, Any] = {"leaf": "0x%08x" % leaf, "subleaf": hex(sub)}
        row.update(zip(("eax", "ebx", "ecx", "edx"), ("0x%08x" % value for value in registers)))
        found.append(row)
    return found


def _run(handle: int, vm: int, vcpu: int) -> dict[str, Any]:
    from errno import errorcode
    from fcntl import ioctl

    try:
        memory = _prepare(vm, vcpu)
        with memory:
            return _count(vcpu, ioctl(handle, GET_VCPU_MMAP_SIZE, 0))
    except OSError as error:
        return {"ok": False, "error": errorcode.get(error.errno or 0, "EIO")}


def _prepare(vm: int, vcpu: int) -> Any:
    import mmap
    from fcntl import ioctl
    from struct import pack, pack_into

    memory = mmap.mmap(-1, 0x1000)
    memory.write(GUEST)
    region = pack("<IIQQQ", 0, 0, 0x1000, 0x1000, _address(memory))
    ioctl(vm, SET_USER_MEMORY_REGION, region)
    ioctl(vm, SET_TSS_ADDR, 0x7FFBD000)  # Intel without unrestricted guests needs it; any free place will do
    special = bytearray(312)
    ioctl(vcpu, GET_SREGS, special)
    pack_into("<QIH", special, 0, 0, 0xFFFF, 0)  # cs: base, limit, selector
    ioctl(vcpu, SET_SREGS, bytes(special))
    ioctl(vcpu, SET_REGS, pack("<18Q", *[0] * 16, 0x1000, 2))  # rip, rflags
    return memory  # the guest's, which must stay mapped


def _address(memory: Any) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _count(vcpu: int, size: int) -> dict[str, Any]:
    import mmap
    from fcntl import ioctl
    from struct import unpack_from
    from time import monotonic

    shared = mmap.mmap(vcpu, size)
    seen = {EXIT_IO: 0, EXIT_HLT: 0}
    began = now = monotonic()
    while now < began + RUN_SECONDS:
        ioctl(vcpu, RUN, 0)
        reason = unpack_from("<I", shared, 8)[0]
        port = unpack_from("<H", shared, 34)[0] if reason == EXIT_IO else PORT
        if reason not in seen or port != PORT:
            return {"ok": False, "exit_reason": reason, "exits": sum(seen.values())}
        seen[reason] += 1
        now = monotonic()
    exits = sum(seen.values())
    return {"ok": all(seen.values()), "exits": exits, "exits_per_second": round(exits / (now - began), 1)}
