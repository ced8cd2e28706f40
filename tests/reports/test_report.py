"""`vbench report`: the page in a real browser, the paper as its readers see it, LaTeX as a compiler takes it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.reports import runs
from tests.reports.browser import NARROW, WIDE, chromium, opened
from tests.reports.tables import NASTY, everything
from vbench.model import BARE
from vbench.reports import saved, write
from vbench.reports.as_latex import PACKAGES, as_latex
from vbench.reports.clean import printable
from vbench.reports.figures import FIGURES
from vbench.reports.finding import finding

pytestmark = pytest.mark.usefixtures("xdg")
MARKUP = "<script>alert(1)</script>&\"'</style>"
TARGET = 2  # its column in the table
FIT = {"width": "document.documentElement.scrollWidth", "view": "window.innerWidth"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The folder of a report whose label and machine have markup in them."""
    header = {"label": {"who": MARKUP}}
    facts = {"proc/cpuinfo": f"processor : 0\nmodel name : {MARKUP}\n"}
    write.write(runs.make("r1", header=header, facts=facts), tmp_path / "report")
    return tmp_path / "report"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_sorts_filters_and_turns_dark(browser: Browser, report: Path, width: int) -> None:
    costs = {row["target"]: row["ratio"] for row in json.loads((report / "table.json").read_text())["rows"]}
    with opened(browser, report / write.PAGE, width) as it:
        page = it.page
        page.get_by_role("button", name="cost").click()
        assert it.column(TARGET) == sorted(costs, key=costs.__getitem__)
        page.get_by_role("button", name="cost").click()
        assert it.column(TARGET) == sorted(costs, key=costs.__getitem__, reverse=True)
        page.locator("[data-filter=target]").select_option("kvm")
        assert it.column(TARGET) == ["kvm"]
        assert page.locator("#count").inner_text() == "1 cells"
        page.locator("[data-filter=target]").select_option("")
        page.locator("#words").fill("PRIMES podman")
        assert it.column(TARGET) == ["podman"]
        page.locator("#words").fill("")
        before = page.locator(".figure svg").first.inner_html()
        page.get_by_role("button", name="Dark").click()
        page.wait_for_function("old => document.querySelector('.figure svg').innerHTML !== old", arg=before)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 28)"
        size = {name: page.evaluate(script) for name, script in FIT.items()}
        assert size["width"] <= size["view"], "what is wide scrolls in its own box"
        assert it.errors == []
        assert all(url.startswith("file:") for url in it.asked)


def test_a_mark_tells_its_numbers_when_it_is_pointed_at(browser: Browser, report: Path) -> None:
    rows = json.loads((report / "table.json").read_text())["rows"]
    kvm = next(row for row in rows if row["target"] == "kvm")
    with opened(browser, report / write.PAGE) as it:
        it.page.locator('[data-figure="overhead"] .mark-symbol path').first.hover()
        told = it.page.locator("#vg-tooltip-element").inner_text()
        assert "cpu.primes" in told
        assert re.search(r"cost\s+1\.\d+", told)
        assert kvm["ratio"] == pytest.approx(1.2, rel=0.05)


def test_the_page_is_accessible(browser: Browser, report: Path) -> None:
    with opened(browser, report / write.PAGE) as it:
        for _ in ("light", "dark"):
            found = Axe().run(it.page).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
            it.page.get_by_role("button", name="Dark").click()


def test_markup_in_names_is_shown_as_it_is(browser: Browser, report: Path) -> None:
    with opened(browser, report / write.PAGE) as it:
        assert MARKUP in it.page.locator("header .of").inner_text()
        assert MARKUP in it.page.locator("#machine").inner_text()
        assert it.errors == []


def test_the_page_is_small_and_verified_and_its_links_lead_somewhere(report: Path) -> None:
    page = report / write.PAGE
    assert page.stat().st_size < 5_000_000
    assert saved.check(page).verified
    links = re.findall(r'href="([^"#]+)"', page.read_text())
    assert len(links) > 80
    assert [link for link in links if not (report / link).exists()] == []


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("one boot", {"boots": 1}),
        ("nothing but failures", {"odd": dict.fromkeys(runs.COSTS, runs.BROKEN["kvm"])}),
        ("nothing but bare", {"costs": {BARE: 1.0}}),
    ],
)
def test_a_run_with_little_in_it_has_a_page_that_says_so(
    browser: Browser, tmp_path: Path, name: str, made: dict[str, object]
) -> None:
    bundle = runs.make("r2", **made)  # type: ignore[arg-type]
    with opened(browser, write.write(bundle, tmp_path / name)[0]) as it:
        assert "nan" not in it.page.locator("main").inner_text().lower()
        assert it.errors == []


def test_the_paper_has_the_size_that_was_asked_for_and_the_same_numbers(report: Path) -> None:
    rows = json.loads((report / "table.json").read_text())["rows"]
    for name, size in (("a4", "595.276 x 841.89"), ("letter", "612 x 792")):
        file = str(report / f"report-{name}.pdf")
        assert size in subprocess.run(["pdfinfo", file], check=True, capture_output=True, text=True).stdout
        text = subprocess.run(["pdftotext", "-layout", file, "-"], check=True, capture_output=True, text=True).stdout
        assert MARKUP in " ".join(text.split())
        assert all(re.search(rf"{row['target']}\s.*{row['verdict']}", text) for row in rows)


def test_the_smallest_letters_of_a_figure_can_be_read(report: Path) -> None:
    pictures = list((report / "figures").glob("*.svg"))
    assert {path.stem for path in pictures} <= {figure.name for figure in FIGURES}
    assert len(pictures) >= 3
    for path in pictures:
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)(?:px)?"', path.read_text())]
        assert sizes
        assert min(sizes) >= 11


def test_latex_takes_the_table_whatever_is_in_its_names(tmp_path: Path) -> None:
    (tmp_path / "table.tex").write_text(as_latex(everything()))
    paper = ["\\documentclass{article}", f"\\usepackage{{{','.join(PACKAGES)}}}"]
    paper += ["\\begin{document}", "\\input{table}", "\\end{document}"]
    (tmp_path / "paper.tex").write_text("\n".join(paper))
    argv = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    text = subprocess.run(
        ["pdftotext", "-layout", "paper.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert printable(NASTY) in text.stdout


def test_the_finding_says_what_the_data_support_and_what_they_do_not() -> None:
    largest, smallest, unsaid = finding(everything())
    assert "No overhead" not in largest
    assert "Under emulation, cpu.primes (rate) on kvm (tcg)" in largest
    assert "podman" in smallest
    assert unsaid.startswith("What cannot be said: of ")
