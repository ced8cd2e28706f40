"""KVM step by step: the device node, its opening, a machine, a guest's instructions, nesting, back end, switches."""

from collections.abc import Mapping
from errno import EACCES, EBUSY, ENOENT, EPERM, errorcode
from typing import Any

from vbench.probes.extension import GUEST_FIX, SVM_FIX, VMX_FIX, virtualization
from vbench.probes.machine import machine
from vbench.probes.question import NOT_PERMITTED, UNKNOWN, Answer, Question, number_of, switch, yes
from vbench.probes.snapshot import Snapshot, leaves

DEVICE = "/dev/kvm"
NODE = (10, 232)  # the misc device that include/linux/miscdevice.h gives KVM
NESTED_STATE, PPC_NESTED, ARM_EL2 = 157, 160, 240
BACKENDS = ("kvm_intel", "kvm_amd", "kvm_pvm", "kvm_hv", "kvm_pr")
MOST = 2**31
CAPS: tuple[tuple[str, int, str], ...] = (
    ("recommended_vcpus", 9, "vCPUs that a guest should have at most"),
    ("max_vcpus", 66, "vCPUs that it can have"),
    ("smm", 117, "system-management mode in guests"),
    ("disable_exits", 143, "bits of exits that can be switched off: 1 MWAIT, 2 HLT, 4 PAUSE, 8 C-states"),
    ("nested_state", NESTED_STATE, "bytes of a nested guest's state"),
    ("steal_time", 187, "steal time told to guests"),
    ("dirty_log_ring", 192, "bytes of the ring of written pages"),
    ("guest_memfd", 234, "private guest memory"),
    ("vm_types", 235, "bits of the kinds of guests"),
)


def _errno(section: Mapping[str, Any], name: str) -> int | None:
    number = section.get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _load_fix(snapshot: Snapshot) -> str:
    extension = virtualization(snapshot)
    if extension.value == "none":
        return GUEST_FIX if machine(snapshot).guest else extension.fix or "this processor cannot run guests"
    modules = {
        "vmx": f"modprobe kvm_intel; if that is refused, {VMX_FIX}",
        "svm": f"modprobe kvm_amd; if that is refused, {SVM_FIX}",
    }
    return modules.get(str(extension.value), "modprobe kvm, or a kernel with CONFIG_KVM")


def _device(snapshot: Snapshot) -> Answer:
    node = snapshot.node(DEVICE)
    if node is not None:
        right = node.get("type") == "c" and (node.get("major"), node.get("minor")) == NODE
        fix = None if right else "remove it and load KVM's modules: this is not KVM's device"
        return Answer(
            yes(right),
            f"stat {DEVICE}: {node.get('type')} {node.get('major')}:{node.get('minor')}",
            "kernel-enabled",
            fix,
        )
    number = _errno(snapshot.section("kvm"), "open_errno")
    if snapshot.errors.get(DEVICE) == "ENOENT" or number == ENOENT:
        return Answer("no", f"stat {DEVICE}: ENOENT", "kernel-enabled", _load_fix(snapshot))
    return Answer(yes(True if number == 0 else None), DEVICE)


def opens(snapshot: Snapshot) -> Answer:
    """Return whether this user can open /dev/kvm: yes, no, not-permitted, unknown."""
    number = _errno(snapshot.section("kvm"), "open_errno")
    if number == 0:
        return Answer("yes", f"open {DEVICE}", "permitted")
    if number in (EACCES, EPERM):
        fix = "usermod -aG kvm $USER and log in again, or pass --device /dev/kvm to the container"
        return Answer(NOT_PERMITTED, f"open {DEVICE}: {errorcode[number]}", "kernel-enabled", fix)
    if number is not None:
        return Answer("no", f"open {DEVICE}: {errorcode.get(number, number)}", "permitted", _load_fix(snapshot))
    device = _device(snapshot)
    return (
        Answer("no", device.source, device.level, device.fix)
        if device.value == "no"
        else Answer(UNKNOWN, f"open {DEVICE}")
    )


def _creates(snapshot: Snapshot) -> Answer:
    number = _errno(snapshot.section("kvm"), "create_vm_errno")
    if number == 0:
        return Answer("yes", "KVM_CREATE_VM", "permitted")
    if number is not None:
        fix = (
            "stop the other hypervisor (VirtualBox, VMware) that holds the processor"
            if number == EBUSY
            else _load_fix(snapshot)
        )
        return Answer("no", f"KVM_CREATE_VM: {errorcode.get(number, number)}", "permitted", fix)
    return opens(snapshot) if opens(snapshot).value != "yes" else Answer(UNKNOWN, "KVM_CREATE_VM")


def _runs(snapshot: Snapshot) -> Answer:
    run = snapshot.section("kvm").get("run")
    if isinstance(run, Mapping):
        reason = run.get("error") or f"exit reason {run.get('exit_reason')}"
        source = "KVM_RUN of a few instructions" if run.get("ok") is True else f"KVM_RUN: {str(reason)[:60]}"
        return Answer(yes(run.get("ok") is True), source, "proven")
    died = snapshot.section("kvm").get("child")
    if isinstance(died, str):
        return Answer("no", f"KVM_RUN: the process that tried it ended with {died[:40]}", "proven")
    created = _creates(snapshot)
    if created.value == "yes":
        vcpu = _errno(snapshot.section("kvm"), "create_vcpu_errno")
        if vcpu:
            return Answer("no", f"KVM_CREATE_VCPU: {errorcode.get(vcpu, vcpu)}", "permitted")
        return Answer(UNKNOWN, "KVM_RUN was not tried")
    return created


def _exits(snapshot: Snapshot) -> Answer | None:
    run = snapshot.section("kvm").get("run")
    rate = run.get("exits_per_second") if isinstance(run, Mapping) else None
    return (
        Answer(float(rate), "KVM_RUN of a few instructions, with the way back", "proven")
        if isinstance(rate, (int, float))
        else None
    )


def backend(snapshot: Snapshot) -> str:
    """Return the module that does KVM's work, `built in`, none or unknown."""
    for name in BACKENDS:
        if snapshot.exists(f"/sys/module/{name}"):
            return name
    if opens(snapshot).value in ("yes", NOT_PERMITTED):
        return "built in"
    return "none" if snapshot.sysfs else UNKNOWN


def _backend(snapshot: Snapshot) -> Answer:
    name = backend(snapshot)
    return Answer(name, "/sys/module/kvm_*", "kernel-enabled", _load_fix(snapshot) if name == "none" else None)


def _boots(snapshot: Snapshot) -> Answer:
    booted = snapshot.section("kvm").get("booted")
    if isinstance(booted, bool):
        return Answer(yes(booted), "a boot of the workload image's kernel under KVM", "proven")
    if backend(snapshot) == "kvm_pvm":
        source = "/sys/module/kvm_pvm: software, for guest kernels that know of it"
        return Answer("no", source, "kernel-enabled", "use a host with vmx or svm, or emulate (TCG)")
    runs = _runs(snapshot)
    return (
        Answer("no", runs.source, runs.level, runs.fix)
        if runs.value == "no"
        else Answer(UNKNOWN, "vbench probe --prove")
    )


def _cap(snapshot: Snapshot, number: int) -> int | None:
    caps = snapshot.section("kvm").get("caps")
    value = caps.get(str(number)) if isinstance(caps, Mapping) else None
    return value if isinstance(value, int) and abs(value) < MOST else None


def _switched(snapshot: Snapshot) -> tuple[bool | None, str]:
    """Return what the back end's `nested` switch says, and its path."""
    for module in ("kvm_intel", "kvm_amd", "kvm_hv", "kvm"):
        path = f"/sys/module/{module}/parameters/nested"
        if (value := snapshot.flag(path)) is not None:
            return value, path
    return None, "/sys/module/kvm_*/parameters/nested"


def _nested(snapshot: Snapshot) -> Answer:
    switched, path = _switched(snapshot)
    module = path.split("/")[3]
    fix = f"modprobe -r {module}; modprobe {module} nested=1" if switched is False else None
    offered = leaves(snapshot.section("kvm").get("supported_cpuid"))
    if offered:
        basic, extended = offered.get((1, 0)), offered.get((0x80000001, 0))
        names = [
            name
            for name, bit in (("vmx", basic and basic.ecx >> 5 & 1), ("svm", extended and extended.ecx >> 2 & 1))
            if bit
        ]
        state = _cap(snapshot, NESTED_STATE) or 0
        source = f"KVM_GET_SUPPORTED_CPUID: {names[0] if names else 'no vmx, no svm'}; KVM_CAP_NESTED_STATE {state}"
        return Answer(yes(bool(names) and state > 0), source, "permitted", fix)
    for number in (PPC_NESTED, ARM_EL2):
        if _cap(snapshot, number):
            return Answer("yes", f"KVM_CAP {number}", "permitted")
    if switched is not None:
        return Answer(yes(switched), path, "kernel-enabled", fix)
    opened = opens(snapshot)
    if opened.value in ("no", NOT_PERMITTED):
        return Answer(opened.value, opened.source, opened.level, opened.fix)
    return (
        Answer("no", "KVM_CAP 160 and 240 are 0", "permitted")
        if _cap(snapshot, ARM_EL2) == 0
        else Answer(UNKNOWN, path)
    )


def _caps(snapshot: Snapshot) -> Mapping[str, Answer]:
    values = {name: (number, _cap(snapshot, number)) for name, number, _ in CAPS}
    return {
        name: Answer(value, f"KVM_CAP {number}", "permitted")
        for name, (number, value) in values.items()
        if value is not None
    }


def _guests(snapshot: Snapshot) -> Answer:
    folder = "/sys/kernel/debug/kvm"
    running = [name for name in snapshot.names(folder) if name[:1].isdigit()]
    if snapshot.names(folder):
        fix = "stop them before measuring: their work disturbs" if running else None
        return Answer(len(running), folder, fix=fix)
    return Answer(UNKNOWN, f"{folder} (mount -t debugfs none /sys/kernel/debug)")


def _halt_poll(snapshot: Snapshot) -> Answer | None:
    path = "/sys/module/kvm/parameters/halt_poll_ns"
    answer = number_of(path)(snapshot)
    if not snapshot.exists(path) or not isinstance(answer, Answer) or not isinstance(answer.value, int):
        return None
    fix = f"echo 0 > {path} where idle guests must not burn the CPU" if answer.value else None
    return Answer(answer.value / 1e9, path, "kernel-enabled", fix)


def _nx_huge_pages(snapshot: Snapshot) -> Answer | None:
    answer = switch("/sys/module/kvm/parameters/nx_huge_pages", "kernel-enabled")(snapshot)
    return answer if snapshot.x86 else None


def _parameters(snapshot: Snapshot) -> Mapping[str, Answer]:
    paths = (*snapshot.glob("/sys/module/kvm_*/parameters/*"), *snapshot.glob("/sys/module/kvm/parameters/*"))
    return {
        ".".join((path.split("/")[3], path.split("/")[5])): Answer(text, path, "kernel-enabled")
        for path in paths
        if (text := snapshot.text(path))
    }


QUESTIONS = (
    Question("kvm.device", "whether /dev/kvm is there and is KVM's", ("stat /dev/kvm",), _device),
    Question("kvm.opens", "whether this user can open it", ("open /dev/kvm",), opens),
    Question("kvm.creates", "whether it makes a virtual machine", ("KVM_CREATE_VM",), _creates),
    Question(
        "kvm.runs",
        "whether a guest's instructions run",
        ("KVM_RUN of a guest of two or three instructions (x86-64, arm64, riscv64)",),
        _runs,
    ),
    Question("kvm.exits_per_second", "exits to user space and back", ("KVM_RUN",), _exits, "1/s"),
    Question(
        "kvm.boots", "whether an unmodified guest kernel boots", ("vbench probe --prove", "/sys/module/kvm_*"), _boots
    ),
    Question("kvm.backend", "what does KVM's work", ("/sys/module/kvm_*",), _backend),
    Question(
        "kvm.nested",
        "whether guests can run guests",
        ("KVM_GET_SUPPORTED_CPUID", "KVM_CAP_NESTED_STATE", "/sys/module/kvm_*/parameters/nested"),
        _nested,
    ),
    Question(
        "kvm.cap.*",
        "what KVM offers",
        ("KVM_CHECK_EXTENSION",),
        _caps,
        "1",
        tuple((name, f"{said} (KVM_CAP {number})") for name, number, said in CAPS),
    ),
    Question("kvm.guests", "guests that run here now", ("/sys/kernel/debug/kvm",), _guests, "1"),
    Question(
        "kvm.halt_poll",
        "how long an idle vCPU spins before it sleeps",
        ("/sys/module/kvm/parameters/halt_poll_ns",),
        _halt_poll,
        "s",
    ),
    Question(
        "kvm.nx_huge_pages",
        "whether huge pages are split against iTLB multihit",
        ("/sys/module/kvm/parameters/nx_huge_pages",),
        _nx_huge_pages,
    ),
    Question("kvm.parameter.*", "every switch of KVM's modules", ("/sys/module/kvm*/parameters/*",), _parameters),
)
