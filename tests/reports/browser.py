"""Debian's Chromium without a screen, and a page opened in it with everything that went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# Nothing of the browser's own goes to the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
FLAGS += ["--disable-component-update", "--disable-quic"]
WIDE, NARROW = 1280, 390


@dataclass(frozen=True)
class Opened:
    """A page, what its scripts complained of, and what it asked for beside itself."""

    page: Page
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def column(self, number: int) -> list[str]:
        """Return the words of a column of the rows that are shown, the first being 0."""
        cells = self.page.locator(f"#cells tbody tr:not([hidden]) > :nth-child({number + 1})")
        return [text.strip() for text in cells.all_inner_texts()]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, width: int = WIDE) -> Iterator[Opened]:
    """Give a file's page once its figures are drawn."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
    found = Opened(page)
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("console", lambda line: found.errors.append(line.text) if line.type in ("error", "warning") else None)
    page.on("request", lambda request: found.asked.append(request.url))
    page.goto(file.as_uri())
    figures = page.locator(".figure").count()
    page.wait_for_function("count => document.querySelectorAll('.figure svg').length === count", arg=figures)
    yield found
    page.close()
