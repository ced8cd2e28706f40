"""Which accelerator runs a guest: proven by booting one, never read off /dev/kvm. Emulation is never called KVM."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from vbench import paths
from vbench.agent.collect_cpu import cpuid
from vbench.errors import TargetError
from vbench.ledger import boot_id
from vbench.model import Missing
from vbench.targets.place import Place

PATIENCE = {"kvm": 20.0, "tcg": 90.0}  # seconds until a guest must have said hello
MODULES = ("kvm_intel", "kvm_amd")
SYS = Path("/sys/module")
EMULATED = b"TCGTCGTCGTCG"  # what QEMU says in CPUID 40000000h where it emulates the CPU
LOAD = """
if grep -qw svm /proc/cpuinfo; then modprobe -q kvm_amd || true; fi
if grep -qw vmx /proc/cpuinfo; then modprobe -q kvm_intel || true; fi
if [ -c /dev/kvm ]; then echo kvm; else echo tcg; fi
"""  # load the module that a guest's CPU asks for, and see whether there is a KVM
GUESTS = frozenset({"qemu", "firecracker", "cloud-hypervisor"})  # hops that are machines of their own
NESTING = "nested virtualization"
SEE = "if [ -w /dev/kvm ]; then echo kvm; else echo tcg; fi"
Boot = Callable[[str], None]


@dataclass(frozen=True)
class Proof:
    """The accelerator that boots our guest here, and why not KVM where it is not.

    `booted` says whether KVM did in a boot that was tried, None where none was.
    """

    accelerator: str
    reason: str
    booted: bool | None = None


def choose(place: Place, asked: str) -> str:
    """Return the accelerator of a guest in `place`: as told or proven on the host, in its containers if they have KVM.

    Inside another guest and on another machine, where nothing was proven, it is KVM where that has it.
    """
    if place.accelerators:
        return _found(place, LOAD)
    if asked != "auto":
        return asked
    proven = known().accelerator if place.seen else "kvm"
    return _found(place, SEE) if place.depth and proven == "kvm" else proven


def _found(place: Place, script: str) -> str:
    return "kvm" if place.shell(script).decode().strip() == "kvm" else "tcg"


def patience(kind: str, place: Place) -> float:
    """Return the seconds that a guest may take to say hello; everything under an emulated CPU is slow."""
    return PATIENCE["tcg"] if "tcg" in (*place.accelerators, kind) or emulated() else PATIENCE["kvm"]


@cache
def emulated() -> bool:
    """Return whether somebody's QEMU emulates the CPU of this host."""
    leaf = next((leaf for leaf in cpuid({}) if leaf["leaf"] == "0x40000000"), None)
    return leaf is not None and b"".join(_bytes(leaf[name]) for name in ("ebx", "ecx", "edx")) == EMULATED


def _bytes(register: str) -> bytes:
    return int(register, 16).to_bytes(4, "little")


def _cache() -> Path:
    return paths.cache() / f"accelerator-{boot_id()}.json"


def known() -> Proof:
    """Return what `prove` found on this boot of the host; before that nothing is claimed."""
    return _cached() or _without_a_try() or Proof("tcg", "KVM was not tried yet")


def prove(boot: Boot) -> Proof:
    """Find out once a host boot whether KVM boots our guest; `boot` boots it with a given accelerator.

    A guest that does not come up (TargetError) is the answer no; whatever else `boot` raises is no answer.
    """
    if proof := _cached() or _without_a_try():
        return proof
    proof = _try(boot)
    _cache().parent.mkdir(parents=True, exist_ok=True)
    _cache().write_text(json.dumps(asdict(proof)))
    return proof


def forget() -> None:
    """Let the next `prove` try again."""
    _cache().unlink(missing_ok=True)


def _cached() -> Proof | None:
    try:
        return Proof(**json.loads(_cache().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _without_a_try() -> Proof | None:
    if not Path("/dev/kvm").exists():
        return Proof("tcg", "there is no /dev/kvm")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Proof("tcg", "/dev/kvm may not be opened by this user")
    return None


def _try(boot: Boot) -> Proof:
    try:
        boot("kvm")
    except TargetError as error:
        said = error.console.splitlines()
        why = f"KVM did not boot our guest: {error.message}{' ' + said[-1][:160] if said else ''}"
        return Proof("tcg", why, booted=False)
    return Proof("kvm", "a guest booted under KVM", booted=True)


def missing_nesting() -> list[Missing]:
    """Return what keeps a guest of this host from running KVM guests itself; under TCG the emulated CPU has SVM."""
    if known().accelerator == "tcg":
        return []
    for module in MODULES:
        switch = SYS / module / "parameters" / "nested"
        if switch.exists():
            return [] if switch.read_text().strip() in ("Y", "1") else [Missing(NESTING, _fix(module))]
    return [Missing(NESTING, "use a machine whose KVM can nest")]


def _fix(module: str) -> str:
    """Return how nesting is switched on; a module that is built into the kernel cannot be loaded anew."""
    if (SYS / module / "initstate").exists():
        return f"modprobe -r {module} && modprobe {module} nested=1"
    return f"boot this machine with '{module}.nested=1' on its kernel's command line"
