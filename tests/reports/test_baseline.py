"""Costs relative to another target than bare, or to none: the table, what is saved of it, and what compares runs."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.reports.runs import COSTS, make
from vbench.errors import InputError
from vbench.model import Cell
from vbench.probes.matters import MACHINE
from vbench.reports import compare, exports, why
from vbench.reports.finish import summary_of
from vbench.reports.of_bundle import NONE, table_of
from vbench.reports.render import render
from vbench.reports.saved import check
from vbench.reports.table import Table, session_notes
from vbench.store.bundle import Bundle
from vbench.store.lines import read
from vbench.store.session import read as session

pytestmark = pytest.mark.usefixtures("xdg")
OTHER: Mapping[str, Any] = {"baseline": "ssh:lab7"}
ALONE: Mapping[str, Any] = {"baseline": None}
THERE = {"ssh:lab7": 1.0, "ssh:lab7#2": 1.0, "ssh:lab7/kvm": 1.2}


def rows(table: Table) -> dict[str, Cell]:
    return {cell.target: cell for cell in table.cells}


def told(table: Table) -> str:
    return " ".join(session_notes(table))


def test_the_baseline_of_the_run_stands_first_and_its_control_gives_the_noise() -> None:
    table = table_of(make("run", THERE, header=OTHER))
    found = rows(table)
    assert list(found) == ["ssh:lab7", "ssh:lab7#2", "ssh:lab7/kvm"]
    assert (found["ssh:lab7"].verdict, found["ssh:lab7"].ratio) == ("baseline", 1)
    assert found["ssh:lab7/kvm"].ratio == pytest.approx(1.2, rel=0.02)
    assert found["ssh:lab7/kvm"].verdict == "slower"
    assert "Cost is relative to ssh:lab7: above 1 is slower." in told(table)
    assert "(ssh:lab7#2 against ssh:lab7); no overhead below it is claimed." in told(table)


def test_another_baseline_may_be_chosen_afterwards() -> None:
    bundle = make("run")
    assert rows(table_of(bundle))["kvm"].ratio == pytest.approx(1.2, rel=0.02)
    table = table_of(bundle, baseline="podman")
    assert (table.baseline, next(iter(rows(table)))) == ("podman", "podman")
    assert rows(table)["kvm"].ratio == pytest.approx(1.2 / 1.02, rel=0.02)
    assert "unknown: podman#2, the A/A control, has no interval" in told(table)
    with pytest.raises(InputError, match="There is no baseline 'podmn'"):
        table_of(bundle, baseline="podmn")


@pytest.mark.parametrize("form", ["json", "csv", "md"])
@pytest.mark.parametrize("baseline", ["podman", NONE])
def test_what_is_saved_says_its_baseline_and_can_be_verified(tmp_path: Path, form: str, baseline: str) -> None:
    text = str(render(table_of(make("run"), baseline=baseline), form))
    file = tmp_path / f"saved.{form}"
    file.write_text(text)
    assert check(file).findings == ()
    said = {"json": '"baseline": null', "csv": ",\n", "md": '"baseline": null'}
    old = f'"baseline": "{baseline}"' if baseline != NONE and form != "csv" else said[form]
    old = f",{baseline}\n" if baseline != NONE and form == "csv" else old
    assert old in text
    new = {"json": '"baseline": "bare"', "csv": ",bare\n", "md": '"baseline": "bare"'}[form]
    file.write_text(text.replace(old, new))
    assert check(file).findings


def test_without_a_baseline_there_are_values_and_a_sentence() -> None:
    bundle = make("run", {"kubectl:pod": 1.0}, header=ALONE)
    table = table_of(bundle)
    (cell,) = table.cells
    assert cell.value == pytest.approx(1000, rel=0.02)
    assert (cell.verdict, cell.ratio, cell.low, cell.mde, cell.comparable) == ("absolute", None, None, None, False)
    assert "There is no baseline in this run: its values are absolute" in told(table)
    assert "noise floor" not in told(table)
    document = json.loads(str(render(table, "json")))
    assert (document["baseline"], document["rows"][0]["ratio"]) == (None, None)
    (line,) = csv.DictReader(io.StringIO(str(render(table, "csv"))))
    assert (line["baseline"], line["ratio"], line["verdict"]) == ("", "", "absolute")
    assert summary_of(bundle)["rows"][0]["log_ratios"] == []
    with pytest.raises(InputError, match="no baseline to explain a cost by"):
        why.explain(bundle, "cpu.primes", "kubectl:pod")
    assert b"no baseline" in exports.export([exports.source_of(bundle)], "junit")


def test_a_job_that_lies_is_withheld_without_a_baseline_too() -> None:
    bundle = make("run", {"kubectl:pod": 1.0}, header=ALONE, odd={"kubectl:pod": {"host_wall": 9.0}})
    (cell,) = table_of(bundle).cells
    assert cell.verdict == "withheld"


def elsewhere(bundle: Bundle, machines: Mapping[str, str]) -> Bundle:
    """Say on which machine each target of a bundle was."""
    path = bundle.folder / "instances.jsonl"
    found = [{**one, "facts": {MACHINE: machines[one["target"]]}} for one in read(path, dict[str, Any])]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in found))
    return bundle


def test_another_machines_cost_relative_to_ours_is_withheld() -> None:
    costs = {**COSTS, "ssh:lab7": 1.0}
    machines = {**dict.fromkeys(COSTS, "this one"), "ssh:lab7": "lab7"}
    table = table_of(elsewhere(make("run", costs), machines))
    there = rows(table)["ssh:lab7"]
    assert (there.verdict, there.ratio) == ("withheld", None)
    assert there.value == pytest.approx(1000, rel=0.02)
    assert "machine.name is this one on bare and lab7 here" in there.warnings
    assert "On another machine than bare, so that their values are absolute: ssh:lab7." in told(table)
    assert rows(table)["kvm"].verdict == "slower"


def test_runs_with_different_baselines_are_not_compared_silently() -> None:
    heads: dict[str, dict[str, str]] = {"one": {}, "two": {"baseline": "podman"}}
    runs = [compare.Run(*session(make(name, header=head).folder, summary_of)) for name, head in heads.items()]
    with pytest.raises(InputError, match="baseline is 'bare' in the first and 'podman' in the second"):
        compare.compare(*runs)
    assert {row.target for row in compare.compare(*runs, allowed=["baseline", "cpu.*", "memory.*"]).rows} == {"kvm"}
