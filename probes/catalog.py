"""All questions, in groups, in the order in which people read them."""

from typing import NamedTuple

from vbench.probes import devices, extension, isolation, kernel, memory, paging, processor, svm, vmx
from vbench.probes.question import Question


class Group(NamedTuple):
    """A part of the table: its title and its questions."""

    title: str
    questions: tuple[Question, ...]


GROUPS = (
    Group("Running guests", (*extension.QUESTIONS, *paging.QUESTIONS, *vmx.QUESTIONS, *svm.QUESTIONS)),
    Group("Processor", processor.QUESTIONS),
    Group("Memory", memory.QUESTIONS),
    Group("Kernel", kernel.QUESTIONS),
    Group("Disks and networks", devices.QUESTIONS),
    Group("Isolation and limits", isolation.QUESTIONS),
)
QUESTIONS = tuple(question for group in GROUPS for question in group.questions)
