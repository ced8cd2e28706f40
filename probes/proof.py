"""What a boot has proven (`vbench probe --prove`): the only evidence beyond what KVM says of itself."""

from vbench.probes.question import UNKNOWN, Answer, Question
from vbench.probes.snapshot import Snapshot

PROVE = "vbench probe --prove"
ACCELERATORS = ("kvm", "tcg")


def _guest(snapshot: Snapshot) -> Answer | None:
    kind = snapshot.section("proof").get("guest")
    if kind not in ACCELERATORS:
        return None
    return Answer(kind, f"our guest booted; {snapshot.section('proof').get('reason')}", "proven")


def _nested(snapshot: Snapshot) -> Answer | None:
    proof = snapshot.section("proof")
    if proof.get("guest") not in ACCELERATORS:
        return None
    kinds = proof.get("nested")
    if not isinstance(kinds, str):
        return Answer("no", f"no nested guest booted: {proof.get('nested_reason')}", "proven")
    known = all(kind in ACCELERATORS for kind in kinds.split("/"))
    return Answer(kinds if known else UNKNOWN, "a nested guest booted, outermost accelerator first", "proven")


QUESTIONS = (
    Question("guest.accelerator", "which accelerator booted our guest here", (PROVE,), _guest),
    Question("guest.nested", "the accelerators of a nested guest that booted here, or no", (PROVE,), _nested),
)
