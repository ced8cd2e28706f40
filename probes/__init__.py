"""What a machine can do and how sure we are: pure functions from a snapshot to facts."""

from vbench.model import Fact
from vbench.probes.catalog import GROUPS, QUESTIONS, Group
from vbench.probes.machine import Layer
from vbench.probes.platform import stack
from vbench.probes.question import Answer, Question
from vbench.probes.snapshot import Snapshot

__all__ = ["GROUPS", "QUESTIONS", "Answer", "Fact", "Group", "Layer", "Question", "Snapshot", "facts", "stack"]


def facts(snapshot: Snapshot) -> list[Fact]:
    """Return every fact of a snapshot, in the order of the catalog; keys are unique."""
    return [fact for question in QUESTIONS for fact in question.facts(snapshot)]
