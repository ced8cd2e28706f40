"""Virtual machine monitors beside QEMU: they run guests under KVM only, and their guests call the host by vsock."""

from vbench.targets.vmm.cloud_hypervisor import CloudHypervisor
from vbench.targets.vmm.firecracker import Firecracker

VMMS = (Firecracker(), CloudHypervisor())

__all__ = ["VMMS"]
