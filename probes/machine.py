"""The machine below this kernel: metal, a partition or a guest, and of which hypervisor."""

from dataclasses import dataclass
from functools import lru_cache

from vbench.probes import dmi
from vbench.probes.clue import GUEST, SURE, name, score
from vbench.probes.evidence import clues, signatures
from vbench.probes.snapshot import Snapshot

HYPERV_ROOT = 1 << 0 | 1 << 12  # CPUID 40000003.EBX: may create partitions and manage CPUs
XEN_DOM0 = 1 << 11  # XENFEAT_dom0

KINDS = {"uml": "para", "wsl": "para", "unknown": "unknown"}  # how guests are virtualized; others fully


@dataclass(frozen=True)
class Layer:
    """One storey below this process: `kind` is machine or container, `evidence` what it was known by."""

    kind: str
    name: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Machine:
    """The verdict: whether this kernel is a guest (None: unknown), under whom, how, and the storeys outermost first.

    `host` says that this kernel rules the hypervisor it runs on: Xen's dom0, Hyper-V's root partition.
    """

    guest: bool | None
    hypervisor: str
    kind: str
    evidence: tuple[str, ...]
    layers: tuple[Layer, ...] = ()
    host: bool = False


@lru_cache(maxsize=2)  # many questions begin with this one
def machine(snapshot: Snapshot) -> Machine:
    """Return the verdict on the machine below this kernel."""
    arch = snapshot.arch or ""
    partition = _mainframe(snapshot) if snapshot.exists("/proc/sysinfo") else _power(snapshot)
    if partition:
        return partition
    found = list(clues(snapshot))
    evidence = tuple(dict.fromkeys(clue.text for clue in found))
    speaks = snapshot.x86 and (snapshot.cpuid(1) is not None or bool(snapshot.flags))
    owner, total = name(found), score(found)
    if total >= (GUEST if speaks else SURE):
        support = tuple(dict.fromkeys(clue.text for clue in found if clue.weight > 0))
        return _guest(snapshot, owner or "unknown", support)
    physical = not any(clue.weight > 0 for clue in found) and (dmi.named(snapshot) or _board(snapshot))
    if speaks or (physical and not arch.startswith("s390")):
        return Machine(False, "none", "none", evidence or ("firmware and devices of a physical machine",))
    return Machine(None, "unknown", "unknown", evidence)


def _guest(snapshot: Snapshot, owner: str, evidence: tuple[str, ...]) -> Machine:
    layer = Layer("machine", owner, evidence)
    if rules(snapshot, owner):
        return Machine(False, owner, "none", (*evidence, "this kernel is the hypervisor's own"), (layer,), host=True)
    kind = _xen_kind(snapshot) if owner == "xen" else KINDS.get(owner, "full")
    return Machine(True, owner, kind, evidence, (layer,))


def rules(snapshot: Snapshot, owner: str) -> bool:
    """Return whether this kernel rules the hypervisor, a host and no guest: dom0, Hyper-V's root, a control domain."""
    if owner == "xen":
        features = _features(snapshot)
        return "control_d" in (snapshot.text("/proc/xen/capabilities") or "") or bool(features and features & XEN_DOM0)
    if owner == "ldoms":
        return snapshot.exists("/sys/class/vlds/ctrl") and snapshot.exists("/sys/class/vlds/sp")
    leaf = snapshot.cpuid(0x40000003)
    return owner == "microsoft" and leaf is not None and leaf.ebx & HYPERV_ROOT == HYPERV_ROOT


def _features(snapshot: Snapshot) -> int | None:
    text = snapshot.text("/sys/hypervisor/properties/features") or ""
    try:
        return int(text, 16) if len(text) <= 16 else None  # noqa: PLR2004 - 64 bits in hex
    except ValueError:
        return None


def _xen_kind(snapshot: Snapshot) -> str:
    told = {"PV": "para", "PVH": "para", "HVM": "full"}.get(snapshot.text("/sys/hypervisor/guest_type") or "")
    features = _features(snapshot)
    if told or features is None:  # /proc/xen is paravirtual Linux's; others see Xen's CPUID leaves or its firmware
        emulated = any(owner == "xen" for *_, owner in signatures(snapshot)) or dmi.named(snapshot)
        return told or ("full" if emulated or not snapshot.exists("/proc/xen") else "para")
    # features.h: mmu_pt_update_preserve_ad (5) is PV's; supervisor_mode_kernel (3) with hvm_callback_vector (8) PVH's
    return "para" if features >> 5 & 1 or features & 0x108 == 0x108 else "full"  # noqa: PLR2004


def _board(snapshot: Snapshot) -> bool:
    return bool(snapshot.text("/proc/device-tree/model"))


def _mainframe(snapshot: Snapshot) -> Machine:
    found: dict[str, str] = {}
    lines = snapshot.lines("/proc/sysinfo")
    for line in lines:
        key, _, value = line.partition(":")
        if key.startswith("VM") and key.endswith("Control Program") and key[2:4].isdecimal():
            found[key[:4]] = value.strip()
    owners = [(f"/proc/sysinfo {key} {text}", _program(text)) for key, text in sorted(found.items(), reverse=True)]
    partition = any(line.startswith("LPAR") for line in lines)
    layers = [Layer("machine", "lpar", ("/proc/sysinfo LPAR",))] if partition else []
    layers += [Layer("machine", owner, (text,)) for text, owner in owners]
    if not layers:
        return Machine(None, "unknown", "unknown", ("/proc/sysinfo",))
    evidence = tuple(text for layer in layers for text in layer.evidence)
    return Machine(True, layers[-1].name, "full", evidence, tuple(layers))


def _program(text: str) -> str:
    return "kvm" if "KVM" in text else "zvm" if "z/VM" in text else "unknown"


def _power(snapshot: Snapshot) -> Machine | None:
    if not (snapshot.arch or "").startswith("ppc"):
        return None
    platform, model = snapshot.cpu_field("platform") or "", snapshot.cpu_field("model", "machine") or ""
    compatible = (snapshot.text("/proc/device-tree/compatible") or "").split("\0")
    if platform == "PowerNV" or "ibm,powernv" in compatible:
        return Machine(False, "none", "none", (f"PowerNV {model}".strip(),))
    if "qemu,pseries" in compatible or "emulated by qemu" in model:
        hypervisor = snapshot.text("/proc/device-tree/hypervisor/compatible") or ""
        owner = "kvm" if "linux,kvm" in hypervisor else "qemu"
        return _para(owner, f"/proc/cpuinfo model {model}" if model else "device tree: qemu,pseries")
    if (
        snapshot.exists("/proc/device-tree/ibm,partition-name")
        or snapshot.exists("/proc/ppc64/lparcfg")
        or platform == "pSeries"
    ):
        return _para("phyp", "a partition of PowerVM")
    return _para("os400", "/proc/iSeries") if snapshot.exists("/proc/iSeries") else None


def _para(owner: str, text: str) -> Machine:
    return Machine(True, owner, "para", (text,), (Layer("machine", owner, (text,)),))
