from pathlib import Path

import pytest

from vbench import config
from vbench.errors import InputError
from vbench.reports.catalogue import explained, page
from vbench.workloads import Workload, as_json, search, select

SHIPPED = config.workloads()


PAGE = Path(__file__).parents[2] / "docs" / "workloads.md"


def chosen(globs: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> list[str]:
    return [workload.name for workload in select(SHIPPED, globs, tags)]


def test_nothing_chosen_is_everything_in_the_order_of_names() -> None:
    assert chosen() == sorted(workload.name for workload in SHIPPED)
    assert {"cpu.primes", "memory.bandwidth", "network.latency", "network.stream"} <= set(chosen())


def test_globs_and_tags_narrow_each_other() -> None:
    assert chosen(("disk.rand????", "disk.rand?????")) == ["disk.randread", "disk.randwrite"]
    assert chosen(("cpu.primes", "disk.randrea?")) == ["cpu.primes", "disk.randread"]
    assert chosen(("*.primes", "network.late*"), ("latency",)) == ["network.latency"]


@pytest.mark.parametrize(
    ("globs", "tags", "message", "remedy"),
    [
        (("cpu.prime",), (), "no workload 'cpu.prime'", "'cpu.primes'"),
        (("cpu.primes", "x*"), (), "no workload 'x*'", "cpu.primes"),
        ((), ("latncy",), "no tag 'latncy'", "'latency'"),
        (("cpu.primes",), ("exit-heavy",), "'cpu.primes' and tagged 'exit-heavy'", "vbench workloads"),
    ],
)
def test_a_choice_of_nothing_is_an_error(
    globs: tuple[str, ...], tags: tuple[str, ...], message: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        chosen(globs, tags)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_the_listing_has_the_form_that_other_programs_rely_on() -> None:
    listing = as_json(select(SHIPPED, ["disk.randread"]))
    assert listing["schema"] == "vbench.workloads/1"
    (row,) = listing["workloads"]
    assert list(row) == ["name", "version", "summary", "tags", "metrics"]
    assert row["name"] == "disk.randread"
    assert row["metrics"][0] == {"name": "iops", "unit": "1/s", "better": "higher"}


def test_a_search_wants_every_word_in_name_tags_or_summary() -> None:
    found = [workload.name for workload in search(SHIPPED, ["DISK", "latency", "reads"])]
    assert "disk.randread" in found
    assert {"disk.randwrite", "network.latency", "disk.seqread"}.isdisjoint(found)
    assert search(SHIPPED, []) == SHIPPED
    with pytest.raises(InputError, match="No workload has 'disk' and 'teapot'"):
        search(SHIPPED, ["disk", "teapot"])


def test_a_bare_run_has_something_of_every_kind_and_little_of_it() -> None:
    quick = chosen(tags=("quick",))
    assert {name.partition(".")[0] for name in quick} >= {"cpu", "memory", "disk", "network", "system"}
    assert len(quick) < len(SHIPPED) / 4


def test_the_page_is_what_the_files_say() -> None:
    made = page(SHIPPED)
    assert PAGE.read_text() == made, "run: .venv/bin/python scripts/workloads_page.py"


@pytest.mark.parametrize("workload", SHIPPED, ids=lambda workload: workload.name)
def test_all_of_a_workload_is_explained_in_80_columns(workload: Workload) -> None:
    text = explained(workload)
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("File: "))
    whole = " ".join(text.split())
    prose = [workload.summary, workload.measures, workload.exercises, workload.voids, workload.source]
    metrics = [f"{metric.name} ({metric.unit}, " for metric in workload.metrics]
    placeholders = [
        f"{{{name}}} is the " for name in ("seconds", "server") if f"{{{name}}}" in "".join(workload.job.argv)
    ]
    for said in (*prose, *metrics, *placeholders, *workload.tags, *workload.files, f"File: {workload.path}"):
        assert " ".join(said.split()) in whole
