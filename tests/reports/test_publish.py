"""`vbench publish`, and reports over several runs: pages that link one another, in a real browser."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.cli.calls import call
from tests.reports import runs
from tests.reports.browser import chromium, opened
from vbench.reports.publish import MADE

MARKUP = "<script>alert(1)</script>"
HOSTS = ("lab", MARKUP)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def two(xdg: Path) -> Path:
    """Two runs on two machines, and a folder to write to."""
    for number, host in enumerate(HOSTS):
        cpu = {"proc/cpuinfo": f"processor : 0\nmodel name : Model {number}\n"}
        name = {"host": {"name": host, "kernel": "6.1.0", "arch": "x86_64", "boot": "b"}}
        runs.make(f"r{number}", boots=4, created=1.8e9 + 86400 * number, header=name, facts=cpu, seed=number)
    return xdg / "site"


def links(page: Path) -> list[str]:
    return re.findall(r'href="([^"#]+)"', page.read_text())


def test_a_site_lists_runs_and_histories_and_every_link_leads_somewhere(
    browser: Browser, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "publish", str(two)) == (0, f"{two / 'index.html'}\n", "")
    pages = [two / "index.html", *(two / "history").glob("*.html")]
    assert [page.name for page in pages] == ["index.html", "cpu.primes.html"]
    for page in pages:
        assert [link for link in links(page) if not (page.parent / link).exists()] == []
        with opened(browser, page) as it:
            assert it.errors == []
    with opened(browser, pages[0]) as it:
        assert it.column(2) == [MARKUP, "lab"], "the newest first"
        it.page.locator("[data-filter=machine]").select_option("lab")
        assert it.column(0) == ["r0"]


def test_the_feed_has_an_entry_for_every_run(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "publish", str(two))
    feed = ET.parse(two / "feed.xml").getroot()  # noqa: S314 - we wrote it
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")] == [f"r1: {MARKUP}", "r0: lab"]
    assert feed.findtext(f"{ATOM}updated") == "2027-01-16T08:00:00Z"


def test_a_report_is_written_again_only_where_its_run_changed(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "publish", str(two))
    pages = {name: two / "runs" / name / "index.html" for name in ("r0", "r1")}
    for page in pages.values():
        page.write_text("old")
    (two / "runs" / "r1" / MADE).write_text("{}")
    call(capsys, "publish", str(two))
    assert pages["r0"].read_text() == "old"
    assert pages["r1"].read_text() != "old"


def test_several_runs_stand_side_by_side_with_what_differs_between_their_machines(
    browser: Browser, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, _ = call(capsys, "report", "r0", "r1", "-o", str(two))
    assert (status, said) == (0, f"{two / 'index.html'}\n")
    assert [link for link in links(two / "index.html") if not (two / link).exists()] == []
    with opened(browser, two / "index.html") as it:
        told = it.page.locator("#machines").inner_text()
        assert "cpu.model" in told
        assert "Model 0" in told
        assert MARKUP in told
        it.page.locator("[data-filter=target]").select_option("podman")
        assert it.column(3) == ["lab", MARKUP]
        assert it.errors == []


def test_the_history_of_some_runs_has_a_page_for_every_workload(
    browser: Browser, xdg: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        runs.make(f"r{number}", boots=3, created=1.8e9 + 86400 * number, seed=number)
    call(capsys, "report", "r0", "r1", "r2", "--history", "-o", str(xdg / "past"))
    assert links(xdg / "past" / "index.html") == ["feed.xml", "history/cpu.primes.html"]
    with opened(browser, xdg / "past" / "history" / "cpu.primes.html") as it:
        assert it.page.locator(".figure").first.locator(".mark-symbol path").count() == 3
        assert it.errors == []


def test_without_a_run_there_is_nothing_to_publish(xdg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = call(capsys, "publish", str(xdg / "site"))
    assert status == 2
    assert said.startswith("vbench: There is no run yet.")
