"""Where this process runs: the stable keys of DESIGN.md, the cloud, and the stack, outermost storey first."""

from vbench.probes import container, dmi
from vbench.probes.evidence import clues
from vbench.probes.machine import Layer, Machine, machine
from vbench.probes.question import UNKNOWN, Answer, Question, refused, yes
from vbench.probes.snapshot import Snapshot

MONITORS = {
    "FIRECK": "firecracker",
    "CLOUDH": "cloud-hypervisor",
    "CROSVM": "crosvm",
    "BOCHS": "qemu",
    "VBOX": "virtualbox",
}


def stack(snapshot: Snapshot) -> list[Layer]:
    """Return the storeys below this process, outermost first: machines, then containers."""
    return [*machine(snapshot).layers, *container.layers(snapshot)]


def _source(found: Machine) -> str:
    return "; ".join(found.evidence[:4]) or "CPUID, DMI, /proc, /sys: nothing speaks"


def _is_guest(snapshot: Snapshot) -> Answer:
    found = machine(snapshot)
    return Answer(yes(found.guest), _source(found))


def _hypervisor(snapshot: Snapshot) -> Answer:
    found = machine(snapshot)
    return Answer(found.hypervisor, _source(found))


def _type(snapshot: Snapshot) -> Answer:
    found = machine(snapshot)
    return Answer(found.kind, _source(found))


def _host(snapshot: Snapshot) -> Answer | None:
    found = machine(snapshot)
    return Answer("yes", _source(found)) if found.host else None


def _container(snapshot: Snapshot) -> Answer:
    found = container.layers(snapshot)
    if found:
        return Answer(found[-1].name, "; ".join(found[-1].evidence[:4]))
    if container.free(snapshot):
        return Answer("none", "/proc/self/ns/*: all are the machine's first")
    return Answer(UNKNOWN, "/proc/self/ns, /proc/self/cgroup, /proc/1/environ, /.dockerenv, /run/.containerenv")


def _monitor(snapshot: Snapshot) -> Answer | None:
    if machine(snapshot).guest is not True:
        return None
    for path in snapshot.glob("/sys/firmware/acpi/tables/*"):
        oem = snapshot.files.get(path, b"")[10:16].decode("latin-1").rstrip(" \0")
        if oem in MONITORS:
            return Answer(MONITORS[oem], f"ACPI {path.rpartition('/')[2]}: OEM '{oem}'")
    models = {clue.name for clue in clues(snapshot) if clue.source in ("dmi", "firmware", "pci")} & {"qemu", "qemu-tcg"}
    return Answer("qemu" if models else UNKNOWN, "ACPI OEM IDs, DMI, PCI, device tree")


def _product(snapshot: Snapshot) -> Answer:
    parts = [snapshot.text(f"{dmi.ID}/{field}") or "" for field in ("sys_vendor", "product_name")]
    text = " ".join(filter(None, parts)) or snapshot.text("/proc/device-tree/model")
    return Answer(
        text or refused(snapshot, f"{dmi.ID}/sys_vendor"), f"{dmi.ID}/sys_vendor, product_name; /proc/device-tree/model"
    )


def _virtual_bit(snapshot: Snapshot) -> Answer:
    return Answer(yes(dmi.virtual_bit(snapshot)), f"{dmi.BIOS} byte 13h, bit 4 (some metal sets it)")


EVIDENCE = (
    "CPUID 1.ECX[31]",
    "CPUID 40000000 to 4000ff00",
    "CPUID 40000003.EBX",
    "/sys/hypervisor/*",
    "/proc/xen",
    "clocksources",
    "kernel log",
    "DMI",
    "SMBIOS",
    "ACPI OEM IDs",
    "PCI ids",
    "device tree",
    "/proc/sysinfo",
    "/proc/cpuinfo",
)
QUESTIONS = (
    Question("platform.is_guest", "whether a hypervisor runs this kernel", EVIDENCE, _is_guest),
    Question("platform.hypervisor", "which one", EVIDENCE, _hypervisor),
    Question("platform.virtualization_type", "full, para or none", EVIDENCE, _type),
    Question(
        "platform.host_role",
        "yes where this kernel rules the hypervisor below it (Xen's dom0, Hyper-V's root)",
        ("/proc/xen/capabilities", "CPUID 40000003.EBX[12,0]"),
        _host,
    ),
    Question("platform.monitor", "the program that emulates the devices", ("ACPI OEM IDs", "DMI", "PCI ids"), _monitor),
    Question(
        "platform.container",
        "the container engine around this process",
        (
            "/proc/self/ns/*",
            "/proc/self/cgroup",
            "/proc/self/mountinfo",
            "/proc/1/environ",
            "/.dockerenv",
            "/run/.containerenv",
        ),
        _container,
    ),
    Question("platform.product", "the maker's name for the machine", ("DMI", "device tree"), _product),
    Question("platform.smbios_virtual", "the SMBIOS bit of virtual machines", ("SMBIOS type 0",), _virtual_bit),
)
