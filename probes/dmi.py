"""What the firmware's strings (DMI, SMBIOS, ACPI) say of the maker. Weak evidence: strings lie and are branded."""

import re
from collections.abc import Iterator

from vbench.probes.clue import Clue
from vbench.probes.snapshot import Snapshot

ID = "/sys/class/dmi/id"
BIOS = "/sys/firmware/dmi/entries/0-0/raw"
EXTENSION = 0x13  # offset of the second characteristics byte in SMBIOS type 0; [4]: this is a virtual machine
# A product that is only ever virtual, which outweighs a clear hypervisor bit: Virtual PC, old VirtualBox and Virtage
# leave it clear. A maker's name that metal carries as well does not.
PRODUCT, BRAND = 3, 1

# (field, whole-text pattern, hypervisor, weight), and all of one row's patterns must match.
PATTERNS: tuple[tuple[tuple[tuple[str, str], ...], str, int], ...] = (
    ((("product_name", r"KVM( Virtual Machine| Hypervisor| Server)?"),), "kvm", PRODUCT),
    ((("sys_vendor", r"KVM|KubeVirt"),), "kvm", PRODUCT),
    ((("product_name", r"QEMU Virtual Machine"),), "qemu-tcg", PRODUCT),  # QEMU writes KVM in it where KVM runs it
    ((("product_name", r"Standard PC \(.*\)|.*\(Q35 \+ ICH9, 2009\)|.*\(i440FX \+ PIIX, 1996\)"),), "qemu", PRODUCT),
    ((("product_version", r"pc-(i440fx|q35)-.*|RHEL.* PC \(.*\)|virt-\d.*"),), "qemu", PRODUCT),
    ((("chassis_version", r"pc-(i440fx|q35)-.*|RHEL.* PC \(.*\)|virt-\d.*"),), "qemu", PRODUCT),
    ((("sys_vendor", r"QEMU"),), "qemu", PRODUCT),
    ((("chassis_vendor", r"QEMU"),), "qemu", PRODUCT),
    ((("product_name", r"Bochs"),), "qemu", PRODUCT),
    ((("sys_vendor", r"Bochs"),), "qemu", PRODUCT),
    ((("sys_vendor", r"Cloud Hypervisor"),), "kvm", PRODUCT),
    ((("product_name", r"cloud-hypervisor|crosvm"),), "kvm", PRODUCT),
    ((("product_name", r"Google Compute Engine"),), "kvm", BRAND),
    ((("product_name", r"OpenStack (Nova|Compute)"),), "kvm", PRODUCT),
    ((("product_name", r"RHEV Hypervisor|oVirt Node|oVirt|RHEL"),), "kvm", PRODUCT),
    ((("sys_vendor", r"oVirt|Virtuozzo"),), "kvm", PRODUCT),
    ((("sys_vendor", r"Nutanix"), ("product_name", r"AHV")), "kvm", PRODUCT),
    ((("product_name", r"SmartDC HVM"),), "kvm", PRODUCT),
    (
        (("sys_vendor", r"DigitalOcean|Hetzner|UpCloud|Scaleway|Linode|Akamai|Vultr|(Tencent|Huawei) Cloud"),),
        "kvm",
        BRAND,
    ),
    ((("product_name", r"Droplet|vServer|Cloud Server|SCW-.*|CVM"),), "kvm", BRAND),
    ((("sys_vendor", r"Alibaba Cloud.*"),), "kvm", BRAND),
    ((("sys_vendor", r"Amazon EC2"), ("product_name", r"(?!.*metal).*")), "kvm", BRAND),
    ((("product_name", r"HVM domU"),), "xen", PRODUCT),
    ((("sys_vendor", r"Xen"),), "xen", PRODUCT),
    ((("bios_version", r"\d+\.\d+\.amazon"),), "xen", PRODUCT),
    ((("product_name", r"VMware.*"),), "vmware", PRODUCT),
    ((("sys_vendor", r"VMware.*"),), "vmware", PRODUCT),
    ((("product_name", r"VirtualBox"),), "virtualbox", PRODUCT),
    ((("board_name", r"VirtualBox"),), "virtualbox", PRODUCT),
    ((("bios_version", r"VirtualBox"),), "virtualbox", PRODUCT),
    ((("sys_vendor", r"innotek GmbH"),), "virtualbox", PRODUCT),
    ((("sys_vendor", r"Microsoft Corporation"), ("product_name", r"Virtual Machine")), "microsoft", PRODUCT),
    ((("sys_vendor", r"Parallels.*"),), "parallels", PRODUCT),
    ((("bios_vendor", r"Parallels.*"),), "parallels", PRODUCT),
    ((("product_name", r"Parallels.*"),), "parallels", PRODUCT),
    ((("bios_vendor", r"BHYVE"),), "bhyve", PRODUCT),
    ((("product_name", r"BHYVE"),), "bhyve", PRODUCT),
    ((("sys_vendor", r"OpenBSD"), ("product_name", r"VMM")), "openbsd-vmm", PRODUCT),
    ((("product_name", r"Apple Virtualization Generic Platform|VirtualMac.*"),), "apple", PRODUCT),
    ((("sys_vendor", r".*HITACHI.*"), ("product_name", r".* LPAR")), "virtage", PRODUCT),
    ((("sys_vendor", r"ACRN.*"),), "acrn", PRODUCT),
)
# The first characters of the OEM ID in a table's header (ACPI 6.5, 5.2.6), which are the monitor's own.
OEMS = {
    "BOCHS": ("qemu", PRODUCT), "FIRECK": ("kvm", PRODUCT), "CLOUDH": ("kvm", PRODUCT), "CROSVM": ("kvm", PRODUCT),
    "VBOX": ("virtualbox", PRODUCT), "VRTUAL": ("microsoft", PRODUCT), "Xen": ("xen", PRODUCT),
    "PRLS": ("parallels", PRODUCT), "BHYVE": ("bhyve", PRODUCT), "GOOGLE": ("kvm", BRAND), "Google": ("kvm", BRAND),
    "AMAZON": ("kvm", BRAND),
}  # fmt: skip


def clues(snapshot: Snapshot) -> Iterator[Clue]:
    """Yield what the strings hint at."""
    for row, name, weight in PATTERNS:
        texts = [(field, snapshot.text(f"{ID}/{field}") or "") for field, _ in row]
        matches = (re.fullmatch(pattern, text) for (_, text), (_, pattern) in zip(texts, row, strict=True))
        if texts[0][1] and all(matches):
            yield Clue(name, weight, "dmi", "DMI " + ", ".join(f"{field} '{text}'" for field, text in texts))
    if virtual_bit(snapshot):
        yield Clue(None, BRAND, "smbios", "SMBIOS type 0: the virtual-machine bit")
    for path in snapshot.glob("/sys/firmware/acpi/tables/*"):
        oem = snapshot.files.get(path, b"")[10:16].decode("latin-1").rstrip(" \0")
        if oem in OEMS:
            yield Clue(*OEMS[oem], "acpi", f"ACPI {path.rpartition('/')[2]}: OEM '{oem}'")


def virtual_bit(snapshot: Snapshot) -> bool | None:
    """Return the SMBIOS bit that a virtual machine should set, and that some metal sets as well."""
    raw = snapshot.files.get(BIOS, b"")
    return bool(raw[EXTENSION] & 0x10) if len(raw) > EXTENSION and raw[1] > EXTENSION else None


def named(snapshot: Snapshot) -> bool:
    """Return whether the firmware names a maker at all."""
    return bool(snapshot.text(f"{ID}/sys_vendor") or snapshot.text(f"{ID}/product_name"))
