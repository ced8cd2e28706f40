"""Apache Otava finds a change in what was exported. It pins another numpy than ours, so it lives in its own venv."""

import subprocess
import venv
from pathlib import Path

import pytest
import yaml

from tests.reports.bundles import bundle
from tests.stats.samples import boots, session
from vbench import paths
from vbench.reports.exports import export, source_of

VERSION = "0.8.0"
DAY = 86400.0


@pytest.fixture(scope="session")
def otava() -> Path:
    """The tool, installed once in the user's cache."""
    home = paths.cache() / "tests" / f"otava-{VERSION}"
    tool = home / "bin" / "otava"
    if not tool.exists():
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"apache-otava=={VERSION}"], check=True)
    return tool


@pytest.mark.slow
def test_otava_finds_the_run_since_which_a_guest_is_slower(otava: Path, tmp_path: Path) -> None:
    sources = []
    for day in range(20):
        slower = 1.3 if day >= 12 else 1.2
        wobble = 1 + 0.002 * (day % 3)
        samples = session({"bare": boots(1.0, 1.001, 0.999), "kvm": boots(*[slower * wobble] * 3)})
        sources.append(source_of(bundle(tmp_path / f"run{day:02}", samples, created=1.79e9 + day * DAY)))
    (tmp_path / "history.csv").write_bytes(export(sources[::-1], "otava"))
    config = {
        "type": "csv",
        "file": str(tmp_path / "history.csv"),
        "time_column": "time",
        "attributes": ["run"],
        "metrics": {"kvm": {"direction": -1, "column": "cpu.primes.duration.kvm (tcg).cost"}},
    }
    (tmp_path / "otava.yaml").write_text(yaml.safe_dump({"tests": {"primes": config}}))
    argv = [otava, "analyze", "primes", "--config-file", tmp_path / "otava.yaml", "--since=2026-01-01"]
    told = subprocess.run(list(map(str, argv)), check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    lines = told.splitlines()
    (change,) = [number for number, line in enumerate(lines) if "+8." in line]
    assert "run12" in lines[change + 2]
