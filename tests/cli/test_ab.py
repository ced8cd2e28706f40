"""`vbench ab` as it is typed, on real targets, with every exit code for real."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from tests.run.command import Done, Home, leftovers, temporary_home
from vbench import config
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.model import SECOND
from vbench.reports.ab import compare
from vbench.run.execute import Request, new_run
from vbench.run.plan import Profile
from vbench.targets.catalogue import Catalogue
from vbench.targets.place import Settings

pytestmark = pytest.mark.real
ENTER = ["chroot", "{rootfs}", "{command}"]
SLOWED = ["sh", "-ec", 'echo 90 > "$1/run/rate"; shift; exec "$@"', "sh", "{rootfs}", *ENTER]  # /run is its own
FIO = "fio --name=r --filename={data}/f --size=1m --rw=randread --bs=4k --direct=1 --ioengine=psync"
READS = f"{FIO} --runtime={{seconds}} --time_based --output-format=terse | cut -d';' -f8 | sed 's/^/rate /'"
JOB = "echo rate $(cat /run/rate 2>/dev/null || echo 100)"  # no timing in it, so no noise either


@pytest.fixture(scope="module")
def home(image: Image) -> Iterator[Home]:
    with temporary_home(image.root.parent) as home:
        home.workload("steady", JOB)
        home.targets(slowed=SLOWED, plain=ENTER, dead=["false", "{command}"])
        yield home


def ab(home: Home, *words: str, **environment: str) -> Done:
    chosen = ["--workload", "own.*", "--workload-dir", str(home.folder / "workloads")]
    return home.vbench("ab", *words, *chosen, **environment)


def document(home: Home, *words: str) -> Any:
    return json.loads(ab(home, *words, "--format", "json").stdout)


def test_an_injected_slowdown_of_a_tenth_is_a_regression(home: Home) -> None:
    done = ab(home, "plain", "slowed", "--profile", "quick")
    assert done.returncode == 1, done.stderr
    assert "Regressed: a cost grew by more than the margin of 3.0 %." in done.stdout
    assert "1.11" in done.stdout
    assert leftovers(home, home.started()) == []


def test_the_other_way_round_it_is_an_improvement_and_no_regression(home: Home) -> None:
    found = document(home, "slowed", "plain", "--profile", "quick")
    row = found["rows"][0]
    assert (found["outcome"], found["exit_code"], row["outcome"]) == ("no worse", 0, "improved")
    assert (row["base"], row["new"]) == (pytest.approx(90), pytest.approx(100))
    assert row["change"] == pytest.approx(0.9)


def test_an_a_a_is_no_worse_and_has_two_names(home: Home) -> None:
    found = document(home, "plain", "plain", "--profile", "quick")
    assert (found["base"], found["new"], found["exit_code"]) == ("plain", "plain#2", 0)
    assert {line["target"] for line in home.lines()} == {"bare", "bare2", "plain", "plain#2"}


def test_a_margin_may_allow_it(home: Home) -> None:
    assert ab(home, "plain", "slowed", "--profile", "quick", "--margin", "15%").returncode == 0


def test_one_boot_is_inconclusive(home: Home) -> None:
    done = ab(home, "plain", "slowed", "--profile", "smoke")
    assert done.returncode == 3
    assert "one boot" in done.stdout


def test_a_variant_that_cannot_be_started_measures_nothing(home: Home) -> None:
    done = ab(home, "plain", "dead", "--profile", "smoke")
    assert done.returncode == 4
    assert "Measured nothing" in done.stdout
    assert "'dead' has no value" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "words",
    [
        ("plain", "nothing"),
        ("plain", "plain:memry=1G"),
        ("plain", "podman:iops=5"),
        ("plain", "plain", "--margin", "x"),
        ("plain", "plain", "--format", "xml"),
        ("plain", "plain", "--profile", "huge"),
        ("plain",),
    ],
)
def test_usage_errors_come_before_anything_is_run(home: Home, words: tuple[str, ...]) -> None:
    before = home.bundles()
    done = home.vbench("ab", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vbench: ")
    assert home.bundles() == before


def test_the_run_stays_and_is_shown_and_verified_and_the_summary_of_a_job_is_appended_to(home: Home) -> None:
    summary = home.folder / "summary.md"
    done = ab(home, "plain", "bare:memory=1G", "--profile", "smoke", "--format", "md", GITHUB_STEP_SUMMARY=str(summary))
    assert done.stdout == summary.read_text().removesuffix("\n")
    assert done.stdout.splitlines()[1] == "## bare:memory=1G against plain"
    head = json.loads((home.bundles()[-1] / "run.json").read_text())
    assert head["variants"] == {"bare:memory=1G": {"memory": "1G"}}
    assert head["label"] == {"ab.base": "plain", "ab.new": "bare:memory=1G"}
    assert "bare:memory=1G" in home.vbench("show").stdout
    assert home.vbench("verify").returncode == 0
    assert home.vbench("verify", str(summary)).returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="control groups are root's")
def test_a_disk_slowed_by_a_tenth_is_found_and_the_same_disk_is_no_worse(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caps are exact whatever else the machine does, as long as its disk gives more than them: hence low ones.

    One short run has both pairs; that the command pairs what it ran is shown above.
    """
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    home.workload("reads", READS)
    file = home.folder / "workloads" / "own" / "reads.toml"
    file.write_text(file.read_text().replace("needs = []", 'needs = ["disk"]'))
    names = ["bare:iops=300", "bare:iops=270", f"bare:iops=300{SECOND}"]
    shape = Profile("short", boots=4, blocks=1, warmups=0, iterations=1, seconds=1)
    request = Request(names, ["own.reads"], [], "quick", 1, Settings(), {}, shape)
    known = config.workloads([home.folder / "workloads"])
    with Ledger() as ledger:
        bundle = new_run(request, Catalogue(), known, ledger, Console(quiet=True))
    slower, same = (compare(bundle, names[0], other) for other in names[1:])
    assert (slower.outcome, same.outcome) == ("regressed", "no worse"), (slower, same)
    assert slower.rows[0].change == pytest.approx(10 / 9, rel=0.02)
