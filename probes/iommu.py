"""The IOMMU: in the machine, live in the kernel, and what it lets guests have of the devices."""

from collections.abc import Iterator
from itertools import chain

from vbench.probes import acpi
from vbench.probes.devices import pci
from vbench.probes.machine import machine
from vbench.probes.question import UNKNOWN, Answer, Question, refused, yes
from vbench.probes.snapshot import Snapshot

TABLES = "/sys/firmware/acpi/tables"
CLASS = "/sys/class/iommu"
GROUPS = "/sys/kernel/iommu_groups"
ALWAYS = {"DMAR": "vt-d", "IVRS": "amd-vi"}  # the tables that are there only with an IOMMU, readable or not
LIVE = (
    ("dmar", "vt-d"),
    ("ivhd", "amd-vi"),
    ("smmu", "smmu"),
    ("arm-smmu", "smmu"),
    ("virtio", "virtio-iommu"),
    ("riscv", "riscv-iommu"),
)
TREE = (
    ("arm,smmu", "smmu"),
    ("arm,mmu-500", "smmu"),
    ("qcom,smmu", "smmu"),
    ("virtio,pci-iommu", "virtio-iommu"),
    ("riscv,iommu", "riscv-iommu"),
)
VIRTIO_PCI, VIRTIO_IOMMU = (0x1AF4, 0x1057), 23  # its PCI ids, and its number among virtio's devices
FIX_FIRMWARE = "enable VT-d (Intel), IOMMU (AMD) or SMMU in the firmware set-up"
FIX_GUEST = "give this guest one, for example QEMU's -device intel-iommu,intremap=on or virtio-iommu-pci"
FIX_KERNEL = {
    "vt-d": "add intel_iommu=on to the kernel command line",
    "amd-vi": "boot a kernel with CONFIG_AMD_IOMMU, without amd_iommu=off and iommu=off",
    "virtio-iommu": "modprobe virtio_iommu",
    "smmu": "boot a kernel with CONFIG_ARM_SMMU_V3, without arm-smmu.disable_bypass and iommu.passthrough",
}


def units(snapshot: Snapshot) -> Iterator[tuple[str, str, acpi.Table | None]]:
    """Yield (kind, source, table) for every sign of an IOMMU, the tables' content where it could be read."""
    for path in snapshot.glob(f"{TABLES}/*"):
        name = path.rpartition("/")[2]
        data = snapshot.files.get(path)
        table = acpi.read(name, data) if data is not None else None
        stem = next((stem for stem in ALWAYS if name.startswith(stem)), None)
        if table is None:
            table = acpi.Table(ALWAYS[stem], None) if stem else None
        if table is not None and (table.units or stem):
            yield table.kind, f"ACPI {name}", table
    for name in snapshot.names(CLASS):
        yield next((kind for word, kind in LIVE if name.startswith(word)), UNKNOWN), f"{CLASS}/{name}", None
    if snapshot.names(GROUPS):
        yield UNKNOWN, GROUPS, None
    for kind, source in chain(_virtio(snapshot), _device_tree(snapshot)):
        yield kind, source, None


def _virtio(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    if any((one.vendor, one.device) == VIRTIO_PCI for one in pci(snapshot)):
        yield "virtio-iommu", "PCI 1af4:1057"
    for path in snapshot.glob("/sys/bus/virtio/devices/*/device"):
        if snapshot.number(path) == VIRTIO_IOMMU:
            yield "virtio-iommu", path


def _device_tree(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for pattern in ("/proc/device-tree/*/compatible", "/proc/device-tree/soc*/*/compatible"):
        for path in snapshot.glob(pattern):
            text = snapshot.text(path) or ""
            for word, kind in TREE:
                if word in text:
                    yield kind, f"device tree {path.split('/')[-2][:40]}"


def _listed(snapshot: Snapshot) -> str | None:
    """Return where all devices are listed: in ACPI (FACP is always there), or in a guest's flat device tree."""
    if any(name.startswith(("FACP", "APIC", "DSDT", "IORT")) for name in snapshot.names(TABLES)):
        return f"{TABLES}: no DMAR, IVRS, VIOT, RIMT, nor an SMMU in IORT"
    tree = any(True for _ in snapshot.glob("/proc/device-tree/*/compatible"))
    return "device tree: no IOMMU among its nodes" if tree and machine(snapshot).guest else None


def _present(snapshot: Snapshot) -> Answer:
    found = list(units(snapshot))
    if found:
        return Answer("yes", "; ".join(dict.fromkeys(source for _, source, _ in found[:4])), "firmware-enabled")
    listed = _listed(snapshot)
    if listed:
        return Answer("no", listed, "firmware-enabled", _fix(snapshot))
    return Answer(refused(snapshot, TABLES), f"{TABLES}, {CLASS}, device tree")


def _fix(snapshot: Snapshot) -> str:
    return FIX_GUEST if machine(snapshot).guest else FIX_FIRMWARE


def _kind(snapshot: Snapshot) -> Answer:
    found = list(units(snapshot))
    present = _present(snapshot)
    if not found:
        return Answer("none" if present.value == "no" else UNKNOWN, present.source)
    kind, source, _ = next((one for one in found if one[0] != UNKNOWN), found[0])
    return Answer(kind, source, "firmware-enabled")


def active(snapshot: Snapshot) -> bool | None:
    """Return whether the kernel drives an IOMMU."""
    if snapshot.names(CLASS) or snapshot.names(GROUPS):
        return True
    if snapshot.sysfs or _present(snapshot).value == "no":
        return False
    return None


def _active(snapshot: Snapshot) -> Answer:
    live = active(snapshot)
    kind = _kind(snapshot).value
    fix = None
    if live is False:
        fix = FIX_KERNEL.get(str(kind), _fix(snapshot))
    return Answer(yes(live), f"{CLASS}: {' '.join(snapshot.names(CLASS)) or 'empty'}", "kernel-enabled", fix)


def _dmar(snapshot: Snapshot) -> acpi.Table | None:
    return next((table for _, _, table in units(snapshot) if table and table.kind == "vt-d"), None)


def _remapping(snapshot: Snapshot) -> Answer:
    interrupts = snapshot.text("/proc/interrupts")
    if interrupts and " IR-" in interrupts:
        return Answer("yes", "/proc/interrupts: IR- chips", "kernel-enabled")
    if interrupts and " ITS-" in interrupts and active(snapshot):  # vfio takes its interrupts for isolated ones
        return Answer("yes", "/proc/interrupts: ITS- chips, which know every device", "kernel-enabled")
    table = _dmar(snapshot)
    capable = None if table is None or table.flags is None else bool(table.flags & 1)
    if interrupts and snapshot.sysfs and snapshot.x86:
        fix = "boot with intremap=on, and without nox2apic" if capable else None
        return Answer("no", "/proc/interrupts: no IR- chips", "kernel-enabled", fix)
    if capable is not None:
        fix = None if capable else "update the firmware: its DMAR table does not offer interrupt remapping"
        return Answer(yes(capable), "ACPI DMAR byte 37, bit 0", "firmware-enabled", fix)
    if _present(snapshot).value == "no":
        return Answer("no", "there is no IOMMU", "firmware-enabled")
    return Answer(UNKNOWN, "/proc/interrupts, ACPI DMAR byte 37")


def _flag(bit: int, what: str) -> Question:
    def ask(snapshot: Snapshot) -> Answer | None:
        table = _dmar(snapshot)
        if table is None or table.flags is None:
            return None
        return Answer(yes(bool(table.flags >> bit & 1)), f"ACPI DMAR byte 37, bit {bit}", "firmware-enabled")

    names = {1: "iommu.x2apic_opt_out", 2: "iommu.dma_opt_in"}
    return Question(names[bit], what, (f"ACPI DMAR byte 37, bit {bit}",), ask)


def _types(snapshot: Snapshot) -> set[str]:
    found = {text for path in snapshot.glob(f"{GROUPS}/*/type") if (text := snapshot.text(path))}
    return found - {UNKNOWN}  # the kernel's own word for a group of an IOMMU that has no such choice (POWER's)


def _passthrough(snapshot: Snapshot) -> Answer:
    types = _types(snapshot)
    if types:
        value = "yes" if types == {"identity"} else "some" if "identity" in types else "no"
        return Answer(value, f"{GROUPS}/*/type: {' '.join(sorted(types))}", "kernel-enabled")
    if active(snapshot) is False:
        return Answer("no", "no IOMMU is live", "kernel-enabled")
    told = snapshot.cmdline.get("iommu.passthrough", "")
    if snapshot.cmdline.get("iommu") == "pt" or told in ("1", "0"):
        return Answer(yes(told != "0"), "/proc/cmdline iommu=pt, iommu.passthrough", "kernel-enabled")
    return Answer(UNKNOWN, f"{GROUPS}/*/type, /proc/cmdline")


def _strict(snapshot: Snapshot) -> Answer | None:
    types = _types(snapshot)
    if types & {"DMA", "DMA-FQ"}:
        fix = (
            None
            if "DMA-FQ" in types
            else "iommu.strict=0 on the kernel command line makes mappings cheaper and less safe"
        )
        return Answer(yes("DMA-FQ" not in types), f"{GROUPS}/*/type", "kernel-enabled", fix)
    return None


def _groups(snapshot: Snapshot) -> Answer:
    names = snapshot.names(GROUPS)
    known = bool(names) or snapshot.sysfs or active(snapshot) is False
    return Answer(len(names) if known else UNKNOWN, GROUPS, "kernel-enabled")


def _shared(snapshot: Snapshot) -> Answer:
    sizes = [len(snapshot.names(f"{GROUPS}/{name}/devices")) for name in snapshot.names(GROUPS)]
    shared = sum(size > 1 for size in sizes)
    fix = (
        "devices of one group go to a guest together: use a slot with ACS, or a processor-attached one"
        if shared
        else None
    )
    return Answer(
        shared if any(sizes) or active(snapshot) is False else UNKNOWN, f"{GROUPS}/*/devices", "kernel-enabled", fix
    )


def _told(snapshot: Snapshot) -> Answer:
    stems = ("iommu", "intel_iommu", "amd_iommu", "arm-smmu", "vfio")
    words = [f"{name}={value}".rstrip("=") for name, value in snapshot.cmdline.items() if name.startswith(stems)]
    missing = refused(snapshot, "/proc/cmdline") if "/proc/cmdline" not in snapshot.files else "none"
    return Answer(" ".join(words) or missing, "/proc/cmdline")


def _acs(snapshot: Snapshot) -> Answer | None:
    word = snapshot.cmdline.get("pcie_acs_override")
    return (
        None
        if word is None
        else Answer(word or "yes", "/proc/cmdline pcie_acs_override (groups are not what they seem)")
    )


QUESTIONS = (
    Question(
        "iommu.present",
        "whether the machine has one",
        (f"{TABLES}/{{DMAR,IVRS,IORT,VIOT,RIMT}}", CLASS, "device tree"),
        _present,
    ),
    Question(
        "iommu.kind", "vt-d, amd-vi, smmu, virtio-iommu, riscv-iommu or none", (TABLES, CLASS, "device tree"), _kind
    ),
    Question("iommu.active", "whether the kernel drives it", (CLASS, GROUPS), _active),
    Question(
        "iommu.interrupt_remapping",
        "whether guests' devices can interrupt safely",
        ("/proc/interrupts", "ACPI DMAR byte 37, bit 0"),
        _remapping,
    ),
    Question(
        "iommu.passthrough",
        "whether the host's own devices bypass it",
        (f"{GROUPS}/*/type", "/proc/cmdline"),
        _passthrough,
    ),
    Question("iommu.strict", "whether every unmapping is flushed at once", (f"{GROUPS}/*/type",), _strict),
    Question("iommu.groups", "sets of devices that it can tell apart", (GROUPS,), _groups, "1"),
    Question("iommu.shared_groups", "sets of more than one device", (f"{GROUPS}/*/devices",), _shared, "1"),
    Question("iommu.parameters", "what the command line says of it", ("/proc/cmdline",), _told),
    Question(
        "iommu.acs_override",
        "a patched kernel's claim that devices are apart",
        ("/proc/cmdline pcie_acs_override",),
        _acs,
    ),
    _flag(1, "whether firmware asks not to use x2APIC"),
    _flag(2, "whether firmware asks for DMA protection"),
)
