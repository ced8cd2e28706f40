"""The main job, whole: every target that runs here, every shipped workload, one table, and nothing left behind."""

import json
import os

import pytest

from tests.integration.traces import mounts, traces
from tests.run.command import Home, leftovers
from vbench import config
from vbench.workloads import select

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="the network and podman need root"),
]
RUN_BY = ("kvm", "gvisor")  # what has an accelerator, or a platform in its place


def test_all_targets_and_all_workloads_give_one_table(shared_home: Home) -> None:
    home, before = shared_home, traces(shared_home)
    done = home.vbench("run", "--target", "all", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    header = home.header()
    targets = header["plan"]["targets"]
    assert {"bare", "bare2"} <= set(targets)
    missing = {row["name"] for row in json.loads(home.vbench("targets", "--json").stdout)["targets"] if row["missing"]}
    assert set(header["left_out"]) == missing
    assert missing.isdisjoint(targets)

    shown = home.vbench("show", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    rows = {(row["workload"], row["metric"], row["target"]): row for row in json.loads(shown.stdout)["rows"]}
    workloads = select(config.workloads(), header["plan"]["workloads"], [])
    wanted = {(w.name, metric.name, target) for w in workloads for metric in w.metrics for target in targets}
    assert {workload for workload, _, _ in wanted} >= {"cpu.primes", "memory.bandwidth", "disk.randread"}
    assert rows.keys() == wanted
    for key, row in rows.items():
        assert row["ratio"] is not None or row["warnings"] or row["differences"], f"{key} has neither ratio nor reason"
        assert row["low"] is row["high"] is row["mde"] is None, "one boot gives no interval"
        assert any(name in key[2] for name in RUN_BY) == (row["accelerator"] is not None)

    measured = {line["target"] for line in home.lines() if line["value"] is not None}
    assert measured == set(targets), done.stderr
    lost = [(line["target"], line["failure"]["message"]) for line in home.lines() if line["failure"]]
    assert not [target for target, _ in lost if target in ("bare", "bare2")], lost
    assert not leftovers(home, [])
    assert traces(home) <= before
    assert not mounts(home.folder)


def test_what_the_run_kept_is_whole(shared_home: Home) -> None:
    """On the run of the test before, or on one of its own."""
    home = shared_home
    if not home.bundles() or home.header()["plan"]["profile"]["name"] != "smoke":
        assert home.vbench("run", "--target", "all", "--profile", "smoke").returncode == 0
    bundle, header = home.bundles()[-1], home.header()
    lost = {line["target"] for line in home.lines() if line["failure"] and line["failure"]["blame"] == "target"}
    for target in header["plan"]["targets"]:
        for when in ("before",) if target in lost else ("before", "after"):
            assert list((bundle / "snapshots" / target.replace("/", "+") / when).iterdir())
    assert {line["target"] for line in home.lines("instances.jsonl")} == set(header["plan"]["targets"])
    for line in home.lines():
        assert line["failure"] or (bundle / line["raw"]).is_file()
    assert {"image", "agent"} <= header["digests"].keys()
