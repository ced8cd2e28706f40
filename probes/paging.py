"""Nested paging, whatever the architecture calls it."""

from vbench.probes import svm, vmx
from vbench.probes.extension import virtualization
from vbench.probes.question import UNKNOWN, Answer, Question
from vbench.probes.snapshot import Snapshot

ALWAYS = {
    "sie": "s390 guests are paged by SIE",
    "el2": "stage 2 translation is part of EL2",
    "hv": "second-stage translation",
}


def _nested_paging(snapshot: Snapshot) -> Answer:
    extension = virtualization(snapshot)
    if extension.value == "vmx":
        return vmx.held(snapshot, vmx.FEATURES[0])
    if extension.value == "svm":
        return svm.held(snapshot, svm.FEATURES[0])
    if extension.value == "none":
        return Answer("no", extension.source, extension.level)
    if extension.value in ALWAYS:
        return Answer("yes", ALWAYS[str(extension.value)], extension.level)
    return Answer(UNKNOWN, extension.source)


QUESTIONS = (
    Question(
        "cpu.nested_paging",
        "whether the processor translates guests' addresses itself",
        ("CPUID 8000000A.EDX[0]", "MSR 48b[33]", "/proc/cpuinfo vmx flags"),
        _nested_paging,
    ),
)
