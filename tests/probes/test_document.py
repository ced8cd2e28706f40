from pathlib import Path

from vbench.probes import QUESTIONS
from vbench.probes.document import page

DOCS = Path(__file__).parents[2] / "docs" / "probes.md"


def test_the_page_of_every_fact_is_the_codes() -> None:
    assert DOCS.read_text() == page(), "run `python -m vbench.probes.document > docs/probes.md`"


def test_every_question_has_a_name_of_its_own_a_summary_and_a_source() -> None:
    keys = [question.key for question in QUESTIONS]
    assert len(keys) == len(set(keys))
    assert all(question.summary and question.sources for question in QUESTIONS)
