"""`vbench selftest` as it is typed: ordinary runs that stay, and one boot that proves nothing."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.run.command import Home, leftovers, temporary_home
from vbench.image import Image

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def home(image: Image) -> Iterator[Home]:
    with temporary_home(image.root.parent) as home:
        yield home


@pytest.mark.skipif(os.getuid() != 0, reason="networks are root's")
def test_one_boot_is_inconclusive_and_its_runs_are_like_any_other(home: Home) -> None:
    done = home.vbench("selftest", "--profile", "smoke", "--workload", "network.*", "--json")
    assert done.returncode == 3, done.stderr
    found = json.loads(done.stdout)
    assert (found["schema"], found["exit_code"]) == ("vbench.selftest/1", 3)
    by_target = {one["trial"]["target"]: one for one in found["findings"]}
    assert set(by_target) == {"bare2", "bare:rate=100M", "bare:rate=1G", "bare:delay=10ms"}
    assert {one["outcome"] for one in found["findings"]} == {"inconclusive"}
    assert 0.5 * 11.96e6 < by_target["bare:rate=100M"]["measured"] < 1.05 * 11.96e6
    assert (
        by_target["bare:delay=10ms"]["measured"] > 0.0099
    )  # the machine may add to a delay, and takes nothing from it
    runs = {one["run"] for one in found["findings"]}
    assert runs == {path.name for path in home.bundles()}
    for run in runs:
        assert "bare2" in home.vbench("show", run).stdout
        assert home.vbench("verify", run).returncode == 0
    assert leftovers(home, home.started()) == []


def test_usage_errors(home: Home) -> None:
    for words in (["--profile", "huge"], ["--workload", "gpu.*"]):
        done = home.vbench("selftest", *words)
        assert (done.returncode, done.stdout) == (2, "")
