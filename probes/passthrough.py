"""Devices that can be given to guests: virtual functions, VFIO and its unsafe modes."""

from vbench.probes.question import UNKNOWN, Answer, Question, switch
from vbench.probes.snapshot import Snapshot


def _sum(name: str) -> Question:
    pattern = f"/sys/bus/pci/devices/*/sriov_{name}"

    def ask(snapshot: Snapshot) -> Answer:
        numbers = [snapshot.number(path) or 0 for path in snapshot.glob(pattern)]
        known = bool(numbers) or snapshot.sysfs
        return Answer(sum(numbers) if known else UNKNOWN, pattern, "kernel-enabled")

    said = {"totalvfs": "virtual functions that the PCI devices could offer", "numvfs": "virtual functions that are on"}
    return Question(f"sriov.{name}", said[name], (pattern,), ask, "1")


def _vfio_devices(snapshot: Snapshot) -> Answer:
    pattern = "/sys/bus/pci/devices/*/driver"
    bound = sum(snapshot.links.get(path, "").endswith("/vfio-pci") for path in snapshot.glob(pattern))
    return Answer(bound if snapshot.sysfs else UNKNOWN, pattern, "kernel-enabled")


def _vfio(name: str, key: str, path: str, said: str) -> Question:
    ask = switch(path, "kernel-enabled")
    return Question(
        key, said, (path,), lambda snapshot: ask(snapshot) if snapshot.exists(f"/sys/module/{name}") else None
    )


QUESTIONS = (
    _sum("totalvfs"),
    _sum("numvfs"),
    Question("vfio.devices", "devices set apart for guests", ("/sys/bus/pci/devices/*/driver",), _vfio_devices, "1"),
    _vfio("vfio", "vfio.noiommu", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "VFIO without an IOMMU"),
    _vfio(
        "vfio_iommu_type1",
        "vfio.unsafe_interrupts",
        "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
        "VFIO without interrupt remapping",
    ),
)
