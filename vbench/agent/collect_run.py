"""Lets a guest of two or three instructions run under KVM and counts its exits.

Numbers are those of Linux's include/uapi/linux/kvm.h and of each architecture's asm/kvm.h.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECONDS = 0.03  # how long exits are counted

RUN = 0xAE80
SET_USER_MEMORY_REGION = 0x4020AE46
SET_TSS_ADDR = 0xAE47
SET_REGS = 0x4090AE82
GET_SREGS = 0x8138AE83
SET_SREGS = 0x4138AE84
ARM_PREFERRED_TARGET = 0x8020AEAF
ARM_VCPU_INIT = 0x4020AEAE
SET_ONE_REG = 0x4010AEAC
ARM_PC = 0x6030000000100040  # 64 bits, core register, offset of pc in struct kvm_regs over 4
RISCV_PC = 0x8030000002000000  # 64 bits, core register, the first one
EXIT_IO = 2
EXIT_HLT = 5
EXIT_MMIO = 6
PORT = 0x10

# What the guest does again and again, and the exits that come of it. Registers are 0 at first, and no memory is there.
GUESTS = {
    "x86_64": (bytes.fromhex("e610 f4 ebfb"), (EXIT_IO, EXIT_HLT)),  # out 0x10, al; hlt; jmp
    "aarch64": (bytes.fromhex("3f0000b9 ffffff17"), (EXIT_MMIO,)),  # str wzr, [x1]; b
    "riscv64": (bytes.fromhex("23a00000 6ff0dfff"), (EXIT_MMIO,)),  # sw zero, 0(ra); j
}


def run(machine: str, vm: int, vcpu: int, size: int) -> dict[str, Any]:
    """Return {"ok", "exits", "exits_per_second"}, or {"ok": False} with the error or the exit that was not ours.

    `machine` is one of GUESTS, `size` the bytes of what KVM shares of a vCPU.
    """
    from errno import errorcode

    code, exits = GUESTS[machine]
    try:
        with _memory(vm, code) as memory:  # the guest's, which must stay mapped
            POINT[machine](vm, vcpu, len(memory))
            return _count(vcpu, size, exits)
    except OSError as error:
        return {"ok": False, "error": errorcode.get(error.errno or 0, "EIO")}


def _memory(vm: int, code: bytes) -> Any:
    """Return the guest's only page, which begins at the address of its own size, with the code in it."""
    import mmap
    from fcntl import ioctl
    from struct import pack

    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory.write(code)
    ioctl(vm, SET_USER_MEMORY_REGION, pack("<IIQQQ", 0, 0, len(memory), len(memory), _address(memory)))
    return memory


def _address(buffer: Any) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _x86(vm: int, vcpu: int, start: int) -> None:
    from fcntl import ioctl
    from struct import pack, pack_into

    ioctl(vm, SET_TSS_ADDR, 0x7FFBD000)  # Intel without unrestricted guests needs it; any free place will do
    special = bytearray(312)
    ioctl(vcpu, GET_SREGS, special)
    pack_into("<QIH", special, 0, 0, 0xFFFF, 0)  # cs: base, limit, selector
    ioctl(vcpu, SET_SREGS, bytes(special))
    ioctl(vcpu, SET_REGS, pack("<18Q", *[0] * 16, start, 2))  # rip, rflags


def _arm(vm: int, vcpu: int, start: int) -> None:
    from fcntl import ioctl

    target = bytearray(32)
    ioctl(vm, ARM_PREFERRED_TARGET, target)
    ioctl(vcpu, ARM_VCPU_INIT, bytes(target))
    _set(vcpu, ARM_PC, start)


def _riscv(vm: int, vcpu: int, start: int) -> None:
    _set(vcpu, RISCV_PC, start)


def _set(vcpu: int, register: int, value: int) -> None:
    from fcntl import ioctl
    from struct import pack

    word = bytearray(pack("<Q", value))
    ioctl(vcpu, SET_ONE_REG, pack("<QQ", register, _address(word)))


POINT = {"x86_64": _x86, "aarch64": _arm, "riscv64": _riscv}


def _count(vcpu: int, size: int, exits: tuple[int, ...]) -> dict[str, Any]:
    import mmap
    from fcntl import ioctl
    from struct import unpack_from
    from time import monotonic

    shared = mmap.mmap(vcpu, size)
    seen = dict.fromkeys(exits, 0)
    began = now = monotonic()
    while now < began + SECONDS:
        ioctl(vcpu, RUN, 0)
        reason = unpack_from("<I", shared, 8)[0]
        if reason not in seen or not _ours(shared, reason):
            return {"ok": False, "exit_reason": reason, "exits": sum(seen.values())}
        seen[reason] += 1
        now = monotonic()
    total = sum(seen.values())
    return {"ok": all(seen.values()), "exits": total, "exits_per_second": round(total / (now - began), 1)}


def _ours(shared: Any, reason: int) -> bool:
    """Return whether the exit is at the port, or at the address 0, that the guest's own instruction names."""
    from struct import unpack_from

    where = {EXIT_IO: ("<H", 34, PORT), EXIT_MMIO: ("<Q", 32, 0)}
    if reason not in where:
        return True
    form, offset, expected = where[reason]
    return bool(unpack_from(form, shared, offset)[0] == expected)
