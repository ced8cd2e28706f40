"""What `vbench show`, `compare` and `ab` printed, saved and verified: as it was, and with one thing changed in it."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.reports.runs import COSTS, edit, make
from vbench import paths
from vbench.errors import InputError
from vbench.reports import ab, ab_render, compare, compare_render, grid
from vbench.reports.documents import EMBEDDED
from vbench.reports.finish import summary_of
from vbench.reports.of_bundle import table_of
from vbench.reports.render import render
from vbench.reports.saved import Report, as_document, check
from vbench.store.bundle import find
from vbench.store.session import read

pytestmark = pytest.mark.usefixtures("xdg")
SLOWER = {**COSTS, "kvm": 1.5}
NUMBER = re.compile(r"(?<![\w.-])\d+\.\d+")


def table(form: str) -> str:
    return str(render(table_of(make("run", boots=4), margin=0.05), form))


def page() -> str:
    text = table("json").replace("<", r"\u003c")
    return f'<html><script>let x = "<b>"</script><script type="application/json" id="{EMBEDDED}">{text}</script></html>'


def side(name: str) -> compare.Run:
    return compare.Run(*read(find(name).folder, summary_of))


def comparison(form: str) -> str:
    make("first", boots=3), make("second", SLOWER, boots=3, seed=2, facts={"proc/sys/kernel/osrelease": "6.12\n"})
    found = compare.compare(side("first"), side("second"), margin=0.05, allowed=["kernel.*"])
    return str(grid.render(compare_render.page(found), form))


def variants(form: str) -> str:
    found = ab.compare(make("run", boots=3), "podman", "kvm", margin=0.05)
    return str(grid.render(ab_render.page(found), form))


DOCUMENTS: dict[str, Callable[[], str]] = {
    **{f"table.{form}": partial(table, form) for form in ("json", "csv", "md")},
    "page.html": page,
    **{f"compare.{form}": partial(comparison, form) for form in ("json", "md")},
    **{f"ab.{form}": partial(variants, form) for form in ("json", "md")},
}


@pytest.fixture(params=DOCUMENTS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give the file of a document."""
    file = tmp_path / str(request.param)
    file.write_text(DOCUMENTS[request.param]())
    return file


def test_what_was_saved_is_verified(saved: Path) -> None:
    report = check(saved)
    assert report.findings == ()
    assert (report.verified, report.literal) == (True, True)
    assert {run.run for run in report.runs} <= {"run", "first", "second"}
    assert as_document(report)["verified"] is True


def test_every_number_that_was_changed_is_found(saved: Path) -> None:
    text = saved.read_text()
    body = text.index("\n") if text.startswith("<!--") else 0  # where it came from is no finding of its own
    numbers = [at for at in NUMBER.finditer(text, body) if '"margin": ' not in text[at.start() - 12 : at.start()]]
    assert len(numbers) > 3
    for at in numbers[:: max(1, len(numbers) // 8)]:
        place = text.index(".", at.start()) + 1  # the first digit behind the point
        saved.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
        assert not check(saved).verified, at


def test_a_changed_cell_is_named(tmp_path: Path) -> None:
    for form in ("json", "csv", "md"):
        file = tmp_path / f"table.{form}"
        file.write_text(table(form) if form == "json" else str(render(table_of(find("run"), margin=0.05), form)))
        edit(file, "slower", "similar")
        (finding,) = check(file).findings
        assert "cpu.primes rate" in finding, form
        assert "similar" in finding
        assert "kvm" in finding


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_a_row_that_was_left_out_is_found(form: str, tmp_path: Path) -> None:
    file = tmp_path / "table"
    text = table(form)
    if form == "json":
        document = json.loads(text)
        document["rows"].pop()
        file.write_text(json.dumps(document))
    else:
        lines = text.splitlines()
        lines.remove(next(line for line in lines if "podman" in line))
        file.write_text("\n".join(lines))
    assert len(check(file).findings) == 1


def test_another_layout_of_the_same_numbers_is_verified_and_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    file.write_text(json.dumps(json.loads(table("json"))))
    report = check(file)
    assert (report.verified, report.literal) == (True, False)
    assert "in each number to nine digits" in report.conclusion


def test_a_run_that_was_forged_is_found_though_the_table_follows_from_it(saved: Path) -> None:
    raw = next((paths.runs() / "run" / "raw").glob("*.json"), None) or paths.runs() / "first" / "raw/000000-0.json"
    edit(raw, "events per second: ", "events per second: 9")
    findings = check(saved).findings
    assert any(finding.startswith("run '") and raw.name in finding for finding in findings)


def test_several_in_one_file_are_each_derived_again(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text(f"{comparison('md')}\n{variants('md')}\n{render(table_of(find('run')), 'md')}\n")
    assert check(file).verified
    assert len(check(file).runs) == 3
    edit(file, "| podman |", "| podmen |")
    assert not check(file).verified


def said(file: Path) -> Report | str:
    with pytest.raises(InputError) as refused:
        check(file)
    assert refused.value.remedy
    return refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        "[]",
        '{"schema": "vbench.history/1", "workload": "w"}',
        '{"schema": "vbench.table/1", "rows": []}',
        '{"schema": "vbench.table/1", "run": "../run", "rows": []}',
        '{"schema": "vbench.table/1", "run": "@latest", "rows": []}',
        '{"schema": ["vbench.table/1"], "run": "run", "rows": []}',
        '{"schema": "vbench.table/1", "run": "run", "run": "run", "rows": []}',
        '<!-- vbench {"schema": "vbench.table/1"} -->',
        '<!-- vbench {"schema"} -->',
        "<html><script id='vbench-table'>{</script></html>",
        "run,margin,workload\n",
        "[" * 100000,
    ],
)
def test_what_does_not_name_its_run_is_refused_with_the_remedy(text: str, tmp_path: Path) -> None:
    make("run", boots=1)
    file = tmp_path / "file"
    file.write_text(text)
    assert str(file) in str(said(file))


def test_a_run_that_is_not_here_is_named(saved: Path) -> None:
    for folder in paths.runs().iterdir():
        folder.rename(folder.with_name(f"{folder.name}-2"))  # a name that begins alike is another run
    assert re.search(r"shows the run '\w+', which is not here", str(said(saved)))


@pytest.mark.parametrize("wrong", ['"rows": 7', '"rows": [7]', '"rows": [], "margin": "much"'])
def test_an_odd_document_is_a_finding_and_no_crash(wrong: str, tmp_path: Path) -> None:
    make("run", boots=1)
    file = tmp_path / "table.json"
    file.write_text(f'{{"schema": "vbench.table/1", "run": "run", {wrong}}}')
    assert not check(file).verified
