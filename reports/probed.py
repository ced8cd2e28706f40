"""Which facts of a machine matter most, by groups, in the order in which they are shown."""

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
