"""What a machine can do and how sure we are: pure functions from a snapshot to facts."""

from vbench.model import Fact
from vbench.probes.catalog import GROUPS, QUESTIONS, Group
from vbench.probes.machine import Layer
from vbench.probes.platform import stack
from vbench.probes.question import Answer, Question
from vbench.probes.snapshot import Snapshot

__all__ = [
    "FAILED",
    "GROUPS",
    "QUESTIONS",
    "Answer",
    "Fact",
    "Group",
    "Layer",
    "Question",
    "Snapshot",
    "facts",
    "stack",
]


FAILED = "this probe failed, which is a bug of ours"


def facts(snapshot: Snapshot) -> list[Fact]:
    """Return every fact of a snapshot, in the order of the catalog; keys are unique.

    A probe that raises costs its own fact, which says so, and none of the others.
    """
    return [fact for question in QUESTIONS for fact in _answers(question, snapshot)]


def _answers(question: Question, snapshot: Snapshot) -> list[Fact]:
    try:
        return list(question.facts(snapshot))
    except Exception as error:  # noqa: BLE001 - whatever it was, the other probes are sound
        return [Fact(question.key, "unknown", source=f"{FAILED} ({type(error).__name__})")]
