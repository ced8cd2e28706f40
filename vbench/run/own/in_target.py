"""Inside a target: list the benchmarks of a pytest-benchmark suite, or run one of them and print its JSON.

in_target.py list FOLDER
in_target.py run FOLDER NODE

FOLDER is the suite's. Standard output is kept for the one JSON document; the reason of a failure is the last line of
standard error.
"""

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

QUIET = ("-q", "--tb=short", "--rootdir=.", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "testpaths=")


class Listener:
    """A plugin that notes the tests that ask for the fixture `benchmark`, and why something failed."""

    def __init__(self) -> None:
        self.benchmarks: list[str] = []
        self.troubles: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the benchmarks in the order in which pytest would run them."""
        items = [item for item in session.items if "benchmark" in getattr(item, "fixturenames", ())]
        self.benchmarks = [item.nodeid for item in items]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported."""
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails or is skipped."""
        self._note(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_benchmark_generate_machine_info(self) -> dict[str, str]:
        """Spare every job a second in which the CPU is asked what it is: the run's snapshots know."""
        return {"python_version": platform.python_version()}

    def _note(self, report: "pytest.CollectReport | pytest.TestReport") -> None:
        if report.failed:
            lines = [
                line.removeprefix("E").strip() for line in report.longreprtext.splitlines() if line.startswith("E")
            ]
            self.troubles[report.nodeid] = (lines or [report.longreprtext.strip()])[-1][:500]
        elif report.skipped:
            self.troubles[report.nodeid] = str(report.longrepr)[-500:]


def main(do: str, folder: str, *words: str) -> int:
    """Do one of the two things; return the exit status."""
    with os.fdopen(os.dup(1), "w") as result:
        os.dup2(2, 1)  # whatever the tests print is no result
        os.chdir(folder)
        listener = Listener()
        found = _list(listener) if do == "list" else _run(listener, *words)
        json.dump(found, result)
        result.write("\n")
    return 0 if found else 1


def _list(listener: Listener) -> Any:
    pytest.main([*QUIET, "--collect-only"], plugins=[listener])
    return {"benchmarks": listener.benchmarks, "troubles": listener.troubles}


def _run(listener: Listener, node: str) -> Any:
    """Return pytest-benchmark's own JSON of one benchmark, without each of its rounds; None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        options = ["--benchmark-only", f"--benchmark-json={report}"]
        status = pytest.main([*QUIET, *options, "--", node], plugins=[listener])
        if status == 0 and not listener.troubles and report.exists() and report.stat().st_size:
            document = json.loads(report.read_text())
            for benchmark in document["benchmarks"]:
                benchmark["stats"].pop("data", None)  # megabytes for a quick one; an output is bounded
            return document
    sys.stdout.flush()  # what pytest said comes first
    sys.stderr.write("; ".join(listener.troubles.values()) or f"pytest ended with status {status} and no result")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
