"""Facts for people: which of a machine's matter most, in what order, and a fact's value in words."""

from vbench.model import Fact
from vbench.units import format_value

LONGEST = 60  # characters of a value; JSON has it whole

SHORT = (
    (
        "Where this runs",
        (
            "platform.product platform.cloud platform.is_guest platform.hypervisor platform.monitor platform.container "
            "kernel.release cpu.model cpu.count memory.total"
        ),
    ),
    (
        "Running guests",
        (
            "cpu.virtualization cpu.virtualization_enabled cpu.nested_paging kvm.device kvm.opens kvm.runs "
            "kvm.exits_per_second kvm.boots kvm.backend kvm.nested guest.accelerator guest.nested "
            "confidential.guest"
        ),
    ),
    (
        "Devices for guests",
        (
            "iommu.present iommu.kind iommu.active iommu.interrupt_remapping sriov.totalvfs device.tun "
            "device.vhost_net device.vfio"
        ),
    ),
    (
        "What disturbs measurements",
        (
            "cpu.governor cpu.turbo cpu.smt cpu.kinds cpu.throttled cpu.mitigations memory.thp memory.thp_defrag "
            "memory.ksm memory.swap_used memory.numa_nodes memory.numa_balancing kernel.clocksource kernel.preemption "
            "kernel.load kernel.steal_share kvm.guests kvm.halt_poll cgroup.cpu_limit cgroup.throttled disk.scheduler "
            "disk.filesystem kernel.io_uring"
        ),
    ),
)


def in_words(fact: Fact) -> str:
    """Return the value of a fact with its unit, cut where it is long."""
    if isinstance(fact.value, str):
        return fact.value if len(fact.value) <= LONGEST else f"{fact.value[: LONGEST - 3]}..."
    if fact.unit == "1" and float(fact.value).is_integer():
        return f"{fact.value:.0f}"
    return format_value(float(fact.value), fact.unit or "")
