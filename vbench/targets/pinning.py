"""A guest's vCPUs, each on a CPU of its own: the scheduler of the place neither moves them about nor stacks two on one.

QEMU names the thread of a vCPU "CPU 0/KVM" (-name debug-threads=on), at every depth alike. On the host we pin its
threads once the guest has said hello and read back where they may run. Elsewhere QEMU takes the agent's place, and then
nobody is left there to do it: so a shell beside it waits for the threads to appear, pins them and ends. QEMU's other
threads may run on all of the target's CPUs. Where several vCPUs share a thread (TCG without MTTCG) none is pinned.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PINNING = "guest.pinning"  # the fact that says where the vCPUs of the outermost guest may run
NAMED = ["-name", "debug-threads=on"]
VCPU = re.compile(r"(?:CPU |fc_vcpu |vcpu)(\d+)(?:/\w+)?\n", re.ASCII)  # QEMU's, Firecracker's, Cloud Hypervisor's
# $1 says which vCPU belongs where, as 0:2 1:3; the rest is QEMU's argv. 20 s are enough for threads to appear anywhere.
BESIDE = """
{
    for pair in $1; do
        tries=0
        until thread=$(grep -lsx "CPU ${pair%:*}/.*" /proc/$$/task/*/comm); do
            tries=$((tries + 1))
            [ "$tries" -lt 100 ]
            sleep 0.2
        done
        thread=${thread%/comm}
        taskset --pid --cpu-list "${pair#*:}" "${thread##*/}"
    done
} </dev/null >/dev/null 2>&1 &
shift
exec "$@"
"""


def pin(pid: int, cpus: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Pin vCPU n of the QEMU `pid` to the n-th of `cpus`; return where each may run now, by the kernel's own word.

    A guest that dies meanwhile has none.
    """
    pinned = {}
    for number, thread in sorted(_vcpus(pid)):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, {cpus[number % len(cpus)]})
            pinned[number] = tuple(sorted(os.sched_getaffinity(thread)))
    return pinned


def beside(cpus: Sequence[int]) -> list[str]:
    """Return the argv prefix that pins vCPU n to the n-th of `cpus` where no one can do it from outside."""
    pairs = " ".join(f"{number}:{cpu}" for number, cpu in enumerate(cpus))
    return ["sh", "-ec", BESIDE, "sh", pairs] if len(cpus) > 1 else []


def described(pinned: Mapping[int, tuple[int, ...]]) -> str:
    """Return in words where vCPUs may run."""
    return ", ".join(f"vCPU {number} on {','.join(map(str, cpus))}" for number, cpus in pinned.items())


def _vcpus(pid: int) -> Iterator[tuple[int, int]]:
    """Yield the number and the thread of each vCPU."""
    for comm in Path(f"/proc/{pid}/task").glob("*/comm"):
        with suppress(OSError):
            if name := VCPU.fullmatch(comm.read_text()):
                yield int(name[1]), int(comm.parent.name)
