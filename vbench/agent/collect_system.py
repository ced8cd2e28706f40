"""What is neither a file nor a register: device nodes, the environment, limits, io_uring, the kernel's log."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NODES = (
    "/", "/proc/1/root", "/dev/kvm", "/dev/mshv", "/dev/vhost-net", "/dev/vhost-vsock", "/dev/vhost-vdpa-0",
    "/dev/net/tun", "/dev/vfio/vfio", "/dev/iommu", "/dev/sev", "/dev/sev-guest", "/dev/tdx_guest", "/dev/sgx_enclave",
    "/dev/sgx_provision", "/dev/sgx_vepc", "/dev/cpu/0/cpuid", "/dev/cpu/0/msr", "/dev/fuse", "/dev/uv",
)  # fmt: skip
# Of these variables the value is kept; of the others, which may hold addresses, only that they are set.
VALUED = ("container", "WSL_INTEROP", "WSL_DISTRO_NAME", "PROOT_TMP_DIR", "FLATPAK_ID")
SET = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_PORT", "ECS_CONTAINER_METADATA_URI", "AWS_LAMBDA_RUNTIME_API", "SNAP")
LIMITS = ("NOFILE", "NPROC", "MEMLOCK", "CORE", "STACK", "AS", "CPU")
# Lines of the kernel's log that hold one of these are kept: what it says of these is said nowhere else.
LOG = (
    "Hypervisor detected", "DMI: ", "AMD-Vi", "DMAR", "SMMU", "started at EL", "Virtualization Host Extensions",
    "kvm:", "kvm_intel", "kvm_amd", "SVM: ", "hypervisor extension", "x2apic", "Starting gVisor",
    "Secure encryption", "Memory Encryption Features", "GICv", "IOMMU", "disabled by bios", "disabled by BIOS",
    "kvm [", "Booting paravirtualized", "KVM: hypervisor services",
)  # fmt: skip
LOG_LINES = 200


def in_child(function: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """Run a function in a child and return {"value": what it returned} or {"error": why there is nothing}.

    A child that crashes, hangs or is stuck in the kernel costs `seconds` at most and never this process.
    """
    from json import dumps, loads
    from select import select
    from signal import SIGKILL
    from time import monotonic

    end, tip = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(end)
            data = dumps(_outcome(function)).encode()
            while data:
                data = data[os.write(tip, data) :]
        finally:
            os._exit(0)
    os.close(tip)
    parts, deadline = [], monotonic() + seconds
    try:
        while select([end], [], [], max(0.0, deadline - monotonic()))[0]:
            part = os.read(end, 65536)
            if not part:
                break
            parts.append(part)
        else:
            return {"error": "timeout"}
        return loads(b"".join(parts))  # type: ignore[no-any-return]
    except ValueError:
        return {"error": "crash"}
    finally:
        os.close(end)
        os.kill(child, SIGKILL)
        _reap(child)


def _outcome(function: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": function()}
    except Exception as error:  # noqa: BLE001 - the parent is told, whatever it was
        return {"error": type(error).__name__ + ": " + str(error)}


def _reap(child: int) -> None:
    from time import sleep

    for _ in range(50):  # one stuck in the kernel is left to init
        try:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
        except OSError:  # whoever runs as PID 1 may have reaped it
            return
        sleep(0.001)


def nodes(errors: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what stat says of NODES; those that cannot be looked at go to `errors`, absence (ENOENT) included."""
    found = {}
    for path in NODES:
        try:
            found[path] = _node(path)
        except OSError as error:
            from errno import errorcode

            errors[path] = errorcode.get(error.errno or 0, "EIO")
    return found


def _node(path: str) -> dict[str, Any]:
    import stat

    seen = os.stat(path)
    kinds = ((stat.S_ISCHR, "c"), (stat.S_ISBLK, "b"), (stat.S_ISDIR, "d"), (stat.S_ISREG, "f"))
    return {
        "type": next((name for test, name in kinds if test(seen.st_mode)), "?"),
        "major": os.major(seen.st_rdev),
        "minor": os.minor(seen.st_rdev),
        "mode": "%04o" % stat.S_IMODE(seen.st_mode),
        "readable": os.access(path, os.R_OK, effective_ids=True),
        "writable": os.access(path, os.W_OK, effective_ids=True),
        "device": seen.st_dev,
        "inode": seen.st_ino,
    }


def environment() -> dict[str, str]:
    """Return the variables that tell where this process runs."""
    found = {name: os.environ[name] for name in VALUED if name in os.environ}
    found.update((name, "set") for name in SET if name in os.environ)
    return found


def tracer() -> str:
    """Return the name of the process that traces this one (proot does), "" where none does."""
    try:
        with open("/proc/self/status") as file:
            pid = next((line.split()[1] for line in file if line.startswith("TracerPid:")), "0")
        with open("/proc/%d/comm" % int(pid)) as file:
            return file.read().strip()
    except (OSError, ValueError, IndexError):
        return ""


def limits() -> dict[str, Any]:
    """Return {"nofile": [soft, hard], ...} with -1 for no limit, and the number of CPUs this process may use."""
    import resource

    found: dict[str, Any] = {}
    for name in LIMITS:
        found[name.lower()] = list(resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
    found["affinity"] = len(os.sched_getaffinity(0))
    return found


def io_uring() -> dict[str, Any]:
    """Return {"errno": 0} where io_uring_setup(1) makes a ring, else its errno."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(425, 1, ctypes.create_string_buffer(256))
    if ring < 0:
        return {"errno": ctypes.get_errno()}
    os.close(ring)
    return {"errno": 0}


def kernel_log(errors: dict[str, str]) -> list[str]:
    """Return the lines of the kernel's log that hold one of LOG, oldest first."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    size = min(libc.klogctl(10, None, 0), 4 * 1024 * 1024)
    buffer = ctypes.create_string_buffer(max(size, 1))
    got = libc.klogctl(3, buffer, size) if size > 0 else -1
    if got < 0:
        from errno import errorcode

        errors["klogctl"] = errorcode.get(ctypes.get_errno(), "EIO")
        return []
    lines = buffer.raw[:got].decode("utf-8", "replace").splitlines()
    return [line[:300] for line in lines if any(word in line for word in LOG)][:LOG_LINES]
