"""All questions, in groups, in the order in which people read them: what guests need first, then what disturbs."""

from typing import NamedTuple

from vbench.probes import (
    cgroup,
    cloud,
    confidential,
    devices,
    extension,
    helpers,
    iommu,
    isolation,
    kernel,
    kvm,
    memory,
    other,
    paging,
    passthrough,
    platform,
    processor,
    proof,
    svm,
    vmx,
)
from vbench.probes.question import Question


class Group(NamedTuple):
    """A part of the table: its title and its questions."""

    title: str
    questions: tuple[Question, ...]

    def holds(self, key: str) -> bool:
        """Return whether a fact's key belongs to this group."""
        return any(question.names(key) for question in self.questions)


GROUPS = (
    Group("Where this runs", (*platform.QUESTIONS, *cloud.QUESTIONS)),
    Group("Running guests", (*extension.QUESTIONS, *paging.QUESTIONS, *kvm.QUESTIONS, *proof.QUESTIONS)),
    Group("Devices for guests", (*iommu.QUESTIONS, *passthrough.QUESTIONS, *helpers.QUESTIONS)),
    Group("Processor features for guests", (*vmx.QUESTIONS, *svm.QUESTIONS, *other.QUESTIONS)),
    Group("Confidential guests", confidential.QUESTIONS),
    Group("Processor", processor.QUESTIONS),
    Group("Memory", memory.QUESTIONS),
    Group("Kernel", kernel.QUESTIONS),
    Group("Disks and networks", devices.QUESTIONS),
    Group("Isolation and limits", (*cgroup.QUESTIONS, *isolation.QUESTIONS)),
)
QUESTIONS = tuple(question for group in GROUPS for question in group.questions)
