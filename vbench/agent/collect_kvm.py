"""Asks /dev/kvm what it can do and lets a guest of a few instructions run, in a child that may hang or die."""

from __future__ import annotations

import os

from . import collect_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = 3.0  # for all of it; a child that needs more is killed
CAPS = (9, 55, 66, 77, 117, 132, 133, 134, 143, 157, 160, 166, 168, 180, 182, 187, 192, 217, 234, 235, 240, 241)

GET_API_VERSION = 0xAE00
CREATE_VM = 0xAE01
CHECK_EXTENSION = 0xAE03
GET_VCPU_MMAP_SIZE = 0xAE04
CREATE_VCPU = 0xAE41
GET_SUPPORTED_CPUID = 0xC008AE05


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
    if machine in collect_run.GUESTS:
        found["run"] = collect_run.run(machine, vm, vcpu, ioctl(handle, GET_VCPU_MMAP_SIZE, 0))
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
