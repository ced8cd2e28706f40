"""What speaks for a hypervisor below this kernel, and for which: registers, strings, devices, clocks, the kernel."""

from collections.abc import Iterator

from vbench.probes import dmi
from vbench.probes.clue import SURE, Clue
from vbench.probes.devices import pci
from vbench.probes.snapshot import Registers, Snapshot, whole

SIGNATURES = {
    "KVMKVMKVM": "kvm", "Linux KVM Hv": "kvm", "TCGTCGTCGTCG": "qemu-tcg", "Microsoft Hv": "microsoft",
    "VMwareVMware": "vmware", "XenVMMXenVMM": "xen", "VBoxVBoxVBox": "virtualbox", "prl hyperv": "parallels",
    "lrpepyh vr": "parallels", "bhyve bhyve": "bhyve", "ACRNACRNACRN": "acrn", "QNXQVMBSQG": "qnx",
    "SRESRESRESRE": "sre", "Apple VZ": "apple", "OpenBSDVMM58": "openbsd-vmm", "LKVMLKVMLKVM": "lkvm",
    "Jailhouse": "jailhouse", "UnisysSpar64": "unisys-spar", "HAXMHAXMHAXM": "haxm", "___ NVMM ___": "nvmm",
}  # fmt: skip
BASES = range(0x40000000, 0x40010000, 0x100)
# Devices that only exist in guests, by vendor and device; a vendor alone (virtio, Red Hat ...) is found on metal too.
EMULATED = {
    (0x80EE, 0xBEEF): "virtualbox", (0x80EE, 0xCAFE): "virtualbox", (0x15AD, 0x0405): "vmware",
    (0x15AD, 0x0710): "vmware", (0x15AD, 0x0740): "vmware", (0x15AD, 0x07B0): "vmware", (0x15AD, 0x07C0): "vmware",
    (0x5853, 0x0001): "xen", (0x1414, 0x5353): "microsoft", (0x1234, 0x1111): "qemu", (0x1B36, 0x0001): "qemu",
    (0x1B36, 0x0008): "qemu", (0x1B36, 0x000C): "qemu", (0x1B36, 0x000D): "qemu", (0x1B36, 0x0100): "qemu",
    (0x1AB8, 0x4000): "parallels", (0x1AB8, 0x4005): "parallels", (0x1AB8, 0x4006): "parallels",
    (0xFB5D, 0x40FB): "bhyve",
}  # fmt: skip
QEMU_BOARD = 0x1AF4  # the board that QEMU's copies of real devices name; real virtio devices name it as their maker
VENDORS = {0x1AF4: None, 0x1B36: "qemu", 0x1234: "qemu", 0x80EE: "virtualbox", 0x15AD: "vmware", 0x5853: "xen"}
CLOCKS = {
    "kvm-clock": "kvm",
    "hyperv_clocksource_tsc_page": "microsoft",
    "hyperv_clocksource_msr": "microsoft",
    "xen": "xen",
}
# What the kernel writes into its log (arch/x86/kernel/cpu/hypervisor.c and its callers).
LOGGED = {
    "KVM": "kvm",
    "Xen": "xen",
    "VMware": "vmware",
    "Microsoft Hyper-V": "microsoft",
    "ACRN": "acrn",
    "Jailhouse": "jailhouse",
}
QEMU_RISCV, QEMU_MAJORS = 42, range(7, 12)
PROOF, STRONG, WEAK = 5, 3, 1


def signatures(snapshot: Snapshot) -> Iterator[tuple[int, str, str]]:
    """Yield (leaf, signature, hypervisor) of every hypervisor leaf with a known signature."""
    for base in BASES:
        leaf = snapshot.cpuid(base)
        text = _signature(leaf) if leaf else ""
        if text in SIGNATURES:
            yield base, text, SIGNATURES[text]


def _signature(leaf: Registers) -> str:
    return leaf.text("ebx", "ecx", "edx").strip(" \0")


def clues(snapshot: Snapshot) -> Iterator[Clue]:
    """Yield all evidence of a hypervisor and of its absence."""
    for base, text, owner in signatures(snapshot):
        # KVM or Xen behind Hyper-V's interface: the leaf further up is the true one.
        yield Clue(owner, PROOF + (base > BASES[0]), "signature", f"CPUID {base:x} {text}")
    for witness in (_bit, dmi.clues, _kernel_knows, _xen, _processor_names, _devices, _device_tree):
        yield from witness(snapshot)


def _devices(snapshot: Snapshot) -> Iterator[Clue]:
    for function in pci(snapshot):
        pair = f"{function.vendor:04x}:{function.device:04x}"
        if (function.vendor, function.device) in EMULATED:
            yield Clue(EMULATED[function.vendor, function.device], dmi.PRODUCT, "pci", f"PCI {pair}")
        elif function.board == QEMU_BOARD != function.vendor:
            yield Clue("qemu", dmi.PRODUCT, "pci", f"PCI {pair} on a board of 1af4")
        elif function.vendor in VENDORS:
            yield Clue(VENDORS[function.vendor], WEAK, "pci", f"PCI {pair}")


def _bit(snapshot: Snapshot) -> Iterator[Clue]:
    leaf = snapshot.cpuid(1)
    if leaf:
        holds = leaf.ecx >> 31
        yield Clue(None, STRONG if holds else -2, "bit", f"CPUID 1.ECX[31] is {'set' if holds else 'clear'}")
    elif snapshot.x86 and snapshot.flags:
        holds = "hypervisor" in snapshot.flags
        yield Clue(
            None, STRONG if holds else -1, "bit", f"/proc/cpuinfo flags {'list' if holds else 'lack'} hypervisor"
        )


def _kernel_knows(snapshot: Snapshot) -> Iterator[Clue]:
    folder = "/sys/devices/system/clocksource/clocksource0"
    for word in (snapshot.text(f"{folder}/available_clocksource") or "").split():
        if word in CLOCKS:
            yield Clue(CLOCKS[word], PROOF, "clock", f"clocksource {word}")
    for line in snapshot.log:
        _, marker, said = line.partition("Hypervisor detected: ")
        if marker:
            owner = next((LOGGED[word] for word in LOGGED if said.startswith(word)), None)
            yield Clue(owner, STRONG, "log", f"kernel log: {said[:40]}")
        elif "KVM: hypervisor services detected" in line:  # drivers/firmware/smccc/kvm_guest.c, on ARM
            yield Clue("kvm", PROOF, "log", "kernel log: smccc: KVM: hypervisor services detected")
    if snapshot.names("/sys/bus/vmbus/devices"):
        yield Clue("microsoft", PROOF, "vmbus", "/sys/bus/vmbus/devices")
    if (snapshot.arch or "").startswith("sparc") and snapshot.exists("/dev/mdesc"):
        yield Clue("ldoms", PROOF, "mdesc", "/dev/mdesc")
    release = snapshot.text("/proc/sys/kernel/osrelease") or snapshot.text("/proc/version") or ""
    if "WSL2" in release:
        yield Clue("microsoft", STRONG, "release", "WSL 2: its kernel's name")
    elif "Microsoft" in release:
        yield Clue("wsl", PROOF, "release", "WSL 1: its kernel's name says Microsoft")


def _xen(snapshot: Snapshot) -> Iterator[Clue]:
    if snapshot.text("/sys/hypervisor/type") == "xen":
        yield Clue("xen", PROOF, "hypervisor", "/sys/hypervisor/type xen")
    elif snapshot.exists("/proc/xen"):
        yield Clue("xen", PROOF, "hypervisor", "/proc/xen")
    elif snapshot.exists("/sys/bus/xen") and not snapshot.exists("/sys/bus/xen-backend") and not snapshot.x86:
        yield Clue("xen", SURE, "hypervisor", "/sys/bus/xen")


def _processor_names(snapshot: Snapshot) -> Iterator[Clue]:
    vendor, model = snapshot.cpu_field("vendor_id") or "", snapshot.cpu_field("model name") or ""
    if "User Mode Linux" in vendor or "UML" in model.split():
        yield Clue("uml", PROOF, "cpuinfo", "/proc/cpuinfo: User Mode Linux")
    if "PowerVM Lx86" in (vendor, model):
        yield Clue("lx86", PROOF, "cpuinfo", "/proc/cpuinfo: PowerVM Lx86")
    if "QEMU" in model:
        yield Clue("qemu", dmi.PRODUCT, "cpuinfo", f"/proc/cpuinfo model name {model[:40]}")
    if _of_no_silicon(snapshot):
        yield Clue("qemu-tcg", dmi.PRODUCT, "cpuinfo", "/proc/cpuinfo: the number of QEMU's own processor")


def _of_no_silicon(snapshot: Snapshot) -> bool:
    """Return whether the processor has a number that QEMU gives to those that it makes up; KVM shows the host's.

    ARM: implementer 0, part 'Q' (QEMU, target/arm/tcg/cpu64.c). RISC-V: vendor 0 and architecture 42 (riscv-isa-manual,
    marchid.md) or, from 7.1 until it was given that, QEMU's version twice (target/riscv/cpu.c).
    """
    part, implementer = (whole(snapshot.cpu_field(key)) for key in ("CPU part", "CPU implementer"))
    if (implementer, part) == (0, ord("Q")):
        return True
    vendor, kind, version = (whole(snapshot.cpu_field(key)) for key in ("mvendorid", "marchid", "mimpid"))
    return vendor == 0 and kind is not None and (kind == QEMU_RISCV or (kind == version and kind >> 16 in QEMU_MAJORS))


def _device_tree(snapshot: Snapshot) -> Iterator[Clue]:
    text = snapshot.text("/proc/device-tree/hypervisor/compatible")
    if text is not None:
        owners = {"xen": "xen", "linux,kvm": "kvm", "vmware": "vmware", "gunyah": "gunyah"}
        owner = next((owners[key] for key in owners if key in text.lower()), None)
        yield Clue(owner, PROOF, "device-tree", f"device tree: hypervisor {text.split(chr(0))[0][:40]}")
    compatible = (snapshot.text("/proc/device-tree/compatible") or "").split("\0")
    modelled = any(True for _ in snapshot.glob("/proc/device-tree/fw-cfg@*")) or "riscv-virtio" in compatible
    if modelled or "qemu,pseries" in compatible:
        yield Clue("qemu", PROOF, "firmware", "device tree: a machine of QEMU's")
    elif "linux,dummy-virt" in compatible:
        yield Clue("kvm", SURE, "firmware", "device tree: linux,dummy-virt")
