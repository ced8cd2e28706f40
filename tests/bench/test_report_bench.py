"""How long a report takes, and how soon its page can be used: 40 workloads on 10 targets over 20 boots."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.big import big_run
from tests.bench.sides import Say
from tests.reports.browser import chromium, opened
from vbench.reports import write
from vbench.store.bundle import Bundle

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
WORKLOADS = [f"{family}.job{number}" for family in ("cpu", "memory", "disk", "network") for number in range(10)]
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# From a choice in a filter to the frame that shows it.
FILTER = """async () => {
  const select = document.querySelector("[data-filter=target]");
  const started = performance.now();
  select.value = "podman";
  select.dispatchEvent(new Event("input"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - started;
}"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("store")))
        yield big_run(0, WORKLOADS, 3)


def test_a_large_report_is_written_and_used(bundle: Bundle, tmp_path: Path, say: Say) -> None:
    started = time.monotonic()
    page = write.write(bundle, tmp_path / "report")[0]
    say("report of 40 workloads, 10 targets, 20 boots", f"{time.monotonic() - started:.1f} s", "10 s")
    say("its page", f"{page.stat().st_size / 1e6:.2f} MB", "5 MB")
    with chromium() as browser, opened(browser, page) as it:
        say("its first paint in Chromium", f"{it.page.evaluate(PAINT):.0f} ms", "1000 ms")
        say("a filter's answer", f"{it.page.evaluate(FILTER):.0f} ms", "100 ms")
        assert it.errors == []
