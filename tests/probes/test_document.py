from pathlib import Path

import pytest

from tests.probes.machines import machine
from vbench import probes
from vbench.probes import FAILED, QUESTIONS, Answer, Question, Snapshot, facts
from vbench.probes.document import page

DOCS = Path(__file__).parents[2] / "docs" / "probes.md"


def test_the_page_of_every_fact_is_the_codes() -> None:
    assert DOCS.read_text() == page(), "run `python -m vbench.probes.document > docs/probes.md`"


def test_a_probe_with_a_bug_costs_its_own_fact_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(snapshot: Snapshot) -> Answer:
        raise KeyError(str(snapshot))

    bad = Question("cpu.broken", "a bug", ("nowhere",), broken)
    monkeypatch.setattr(probes, "QUESTIONS", (bad, *QUESTIONS))
    first, *others = facts(machine())
    assert (first.key, first.value) == ("cpu.broken", "unknown")
    assert first.source == f"{FAILED} (KeyError)"
    assert len(others) > 50


def test_every_question_has_a_name_of_its_own_a_summary_and_a_source() -> None:
    keys = [question.key for question in QUESTIONS]
    assert len(keys) == len(set(keys))
    assert all(question.summary and question.sources for question in QUESTIONS)
