"""Every format, read back by the tool that it is for; Go's, Bencher's and GitHub's by their written rules."""

import csv
import io
import json
import re
import subprocess
import sys
from math import isclose
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from junitparser import Error as JUnitError
from junitparser import Failure, JUnitXml, Skipped
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.reports.bundles import HEADER, NASTY, bundle, everything, written
from tests.stats.samples import block, boots, session
from vbench.errors import NOTHING, InputError
from vbench.model import Failure as Broken
from vbench.model import Sample
from vbench.reports.clean import printable
from vbench.reports.exports import FORMATS, NothingError, Source, export, source_of
from vbench.reports.exports.benchfmt import name

CLEAN = printable(NASTY)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return source_of(bundle(tmp_path / "20261120-a1b2", everything()))


def text(form: str, *sources: Source) -> str:
    return export(sources, form).decode()


def failed() -> list[Sample]:
    return block("kvm", 0, 0, [None], failure=Broken("target", "It died."))


def test_pytest_benchmark_compares_what_was_exported(source: Source, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text("pytest-benchmark", source))
    tool = str(Path(sys.executable).parent / "pytest-benchmark")
    argv = [tool, "compare", f"{tmp_path}/run.json", "--columns=median,rounds", f"--csv={tmp_path}/out"]
    told = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "disk.randread.latency_p50" in told.stdout
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))}
    assert set(rows) == {f"disk.randread.latency_p50[{target}]" for target in ("bare", "bare2", "kvm (tcg)")}
    kvm = rows["disk.randread.latency_p50[kvm (tcg)]"]
    assert isclose(float(kvm["median"]), 0.00205)
    assert kvm["rounds"] == "2"


def test_pytest_benchmark_statistics_are_those_of_pytest_benchmark(source: Source) -> None:
    from pytest_benchmark.stats import Stats  # noqa: PLC0415 - untyped, and only this test wants it

    (kvm,) = [one for one in json.loads(text("pytest-benchmark", source))["benchmarks"] if one["param"] == "kvm (tcg)"]
    theirs: Any = Stats()  # type: ignore[no-untyped-call]
    for value in kvm["stats"]["data"]:
        theirs.update(value)
    for field in ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total", "ld15iqr", "hd15iqr"):
        assert kvm["stats"][field] == pytest.approx(getattr(theirs, field)), field


def test_bencher_metric_format_has_numbers_and_ordered_bounds(source: Source) -> None:
    document = json.loads(text("bmf", source))
    assert document["cpu.primes on kvm (tcg)"]["rate"].keys() == {"value"}
    for measures in document.values():
        for measure in measures.values():
            assert measure.keys() <= {"value", "lower_value", "upper_value"}
            low, value, high = (measure.get(k, measure["value"]) for k in ("lower_value", "value", "upper_value"))
            assert 0 < low <= value <= high
    assert document["cpu.primes on kvm (tcg)"]["rate-cost"]["lower_value"] > 5
    assert "disk.randread on podman" not in document


def test_what_wants_smaller_gets_costs(source: Source) -> None:
    entries = {entry["name"]: entry for entry in json.loads(text("github-action", source))}
    assert all({"name", "unit", "value"} <= entry.keys() and entry["value"] > 0 for entry in entries.values())
    bare, kvm = entries["cpu.primes rate on bare"], entries["cpu.primes rate on kvm (tcg)"]
    assert kvm["value"] > bare["value"]
    assert kvm["unit"] == "s"
    assert entries["memory.bandwidth bandwidth on kvm (tcg)"]["unit"] == "s/B"
    assert entries["cpu.primes rate on kvm (tcg), relative to bare"]["value"] == pytest.approx(4712 / 878.5, rel=1e-3)
    assert re.fullmatch(r"5\.\d+ to 5\.\d+", entries["cpu.primes rate on kvm (tcg), relative to bare"]["range"])


def test_openmetrics_is_what_prometheus_parses(source: Source) -> None:
    parsed = text_string_to_metric_families(text("openmetrics", source))  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    rates = {sample.labels["target"]: sample for sample in families["vbench_value_rate_per_second"].samples}
    assert rates["kvm"].value == pytest.approx(878.5, rel=1e-3)
    assert rates["kvm"].labels["better"] == "higher"
    assert rates["kvm"].labels["accelerator"] == "tcg"
    assert families["vbench_value_bandwidth_bytes_per_second"].unit == "bytes_per_second"
    assert CLEAN in rates
    latencies = {sample.labels["target"] for sample in families["vbench_value_latency_p50_seconds"].samples}
    assert latencies == {"bare", "bare2", "kvm"}
    low, high = (families[f"vbench_relative_cost_{side}_ratio"].samples for side in ("low", "high"))
    assert len(low) == len(high) == 7


def test_junit_tells_the_outcomes_apart(source: Source) -> None:
    parsed: Any = JUnitXml.fromstring(text("junit", source).encode())
    results = {(case.classname, case.name): case.result for suite in parsed for case in suite}
    kinds = {place: [type(result) for result in found] for place, found in results.items()}
    assert kinds["cpu.primes", "rate on kvm (tcg)"] == [Failure]
    assert kinds["cpu.primes", "rate on podman"] == []
    assert kinds["cpu.primes", "rate on bare2"] == kinds["cpu.primes", "rate on bare"] == []
    assert kinds["cpu.primes", "rate on kvm/kvm"] == [Skipped]
    assert results["cpu.primes", "rate on kvm/kvm"][0].type == "inconclusive"
    assert kinds["disk.randread", "latency_p50 on podman"] == [JUnitError]
    assert kinds["memory.bandwidth", "bandwidth on kvm (tcg)"] == [Skipped]
    assert kinds["memory.bandwidth", "bandwidth on podman"] == [Skipped]
    assert kinds["cpu.primes", f"rate on {CLEAN}"] == [Failure]
    for suite in parsed:
        found = [type(result) for case in suite for result in case.result]
        assert (suite.tests, suite.skipped) == (len(list(suite)), found.count(Skipped))
        assert (suite.failures, suite.errors) == (found.count(Failure), found.count(JUnitError))


def test_a_control_that_differs_fails_no_build(tmp_path: Path) -> None:
    costs = {"bare": boots(1.0, 1.01, 0.99), "bare2": boots(1.3, 1.31, 1.29), "podman": boots(1.3, 1.31, 1.29)}
    written_out = text("junit", source_of(bundle(tmp_path / "r", session(costs))))
    parsed: Any = JUnitXml.fromstring(written_out.encode())
    assert {case.name: [type(result) for result in case.result] for suite in parsed for case in suite} == {
        "duration on bare": [],
        "duration on bare2": [],
        "duration on podman": [Failure],
    }


def test_junit_takes_the_margin_of_the_caller(tmp_path: Path) -> None:
    found = bundle(tmp_path / "r", session({"bare": boots(1.0, 1.01, 0.99), "kvm": boots(1.1, 1.12, 1.09)}))
    for margin, kind in ((0.03, "<failure"), (0.5, "<system-out>cpu.primes duration on kvm (tcg)")):
        assert kind in text("junit", source_of(found, margin=margin))


def test_go_benchmarks_keep_to_the_grammar(source: Source) -> None:
    lines = text("benchfmt", source).splitlines()
    units = dict(line.split()[1:] for line in lines if line.startswith("Unit "))
    assert units == {"rate-1/s": "better=higher", "latency_p50-sec": "better=lower", "bandwidth-B/s": "better=higher"}
    results = [line.split() for line in lines if line.startswith("Benchmark")]
    for title, count, *pairs in results:
        assert re.fullmatch(r"Benchmark[A-Z][^/\s]*/target=[^/\s]+/accelerator=(tcg|none)-2", title)
        assert int(count) > 0
        assert all(float(value) > 0 for value in pairs[::2])
        assert set(pairs[1::2]) <= units.keys()
    first = next(words for words in results if words[0] == "BenchmarkCpu.primes/target=bare/accelerator=none-2")
    assert float(first[2]) == pytest.approx(4711)
    others = [line for line in lines if line and not line.startswith(("Benchmark", "Unit "))]
    assert all(re.fullmatch(r"[a-z][^\sA-Z]*: \S.*", line) for line in others)
    assert sum(title == "BenchmarkCpu.primes/target=kvm%2Fkvm/accelerator=none-2" for title, *_ in results) == 4


def test_a_go_name_that_ends_in_a_number_is_not_taken_for_cpus() -> None:
    assert not re.search(r"-\d+$", name("cpu.primes", "lab", "gpu-7", None))


def test_a_unit_of_two_directions_has_none_in_go(tmp_path: Path) -> None:
    up = block("bare", 0, 0, [2.0], workload="a.b", metric="x", unit="1", better="higher")
    down = block("bare", 0, 0, [2.0], workload="a.c", metric="x", unit="1", better="lower")
    assert "Unit" not in text("benchfmt", source_of(bundle(tmp_path / "r", [*up, *down])))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_pandas_reads_every_sample(source: Source, form: str) -> None:
    data = io.BytesIO(export([source], form))
    frame = pd.read_csv(data) if form == "csv" else pd.read_parquet(data)
    kept = written(source.bundle)
    assert len(frame) == len(kept)
    assert frame["value"].isna().sum() == 1
    assert [value for value in frame["value"] if value == value] == [  # noqa: PLR0124 - NaN is not itself
        sample["value"] for sample in kept if sample["value"] is not None
    ]
    assert not frame["warmup"].any()
    assert set(frame.loc[frame["target"] == "kvm", "accelerator"]) == {"tcg"}
    assert frame.loc[frame["target"] == "bare", "accelerator"].isna().all()
    assert set(frame["run"]) == {"20261120-a1b2"}
    assert "last words" in frame["failure"].dropna().item()
    assert frame["blame"].dropna().item() == "target"


def test_a_spreadsheet_sees_no_formula_in_the_csv(source: Source) -> None:
    assert not re.search(r'(^|,)"?[=+@-]', text("csv", source), re.MULTILINE)


def test_several_runs_in_one_table_are_told_apart(tmp_path: Path) -> None:
    sources = [source_of(bundle(tmp_path / ident, everything())) for ident in ("r1", "r2")]
    assert set(pd.read_csv(io.BytesIO(export(sources, "csv")))["run"]) == {"r1", "r2"}
    with pytest.raises(InputError, match="'bmf' holds one run"):
        export(sources, "bmf")
    with pytest.raises(InputError, match="'r1' is named twice"):
        export([*sources, sources[0]], "csv")


def test_otava_rows_are_in_order_of_time_and_whole(tmp_path: Path) -> None:
    late = source_of(bundle(tmp_path / "r2", everything(), created=2e9))
    early = source_of(bundle(tmp_path / "r1", session({"bare": boots(1.0, 1.1)}) + everything()[:-1], created=1.5e9))
    frame = pd.read_csv(io.StringIO(text("otava", late, early)))
    assert list(frame["run"]) == ["r1", "r2"]
    assert not frame.isna().any().any()
    assert "cpu.primes.rate.kvm (tcg).cost" in frame.columns
    assert "memory.bandwidth.bandwidth.kvm (tcg)" not in frame.columns


def test_nothing_is_ever_written_as_zero(source: Source) -> None:
    for form in ("bmf", "github-action", "openmetrics", "otava"):
        assert not re.search(r"(?<![\w.])0(\.0+)?(?=[,}\s]|$)", text(form, source)), form
    assert "Disk.randread/target=podman" not in text("benchfmt", source)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("samples", [[], failed()], ids=["no samples", "only failures"])
def test_nothing_to_export_is_said_with_exit_code_4(tmp_path: Path, form: str, samples: list[Sample]) -> None:
    found = source_of(bundle(tmp_path / "r", samples))
    if samples and form in {"junit", "csv", "parquet"}:
        assert b"It died." in export([found], form)  # a failure is something that these three can hold
        return
    with pytest.raises(NothingError, match=r"There is no .* in 'r'") as caught:
        export([found], form)
    assert caught.value.exit_code == NOTHING


def test_rates_alone_are_nothing_to_pytest_benchmark(tmp_path: Path) -> None:
    rates = session({"bare": boots(4711)}, metric="rate", unit="1/s", better="higher")
    with pytest.raises(NothingError, match="no duration"):
        export([source_of(bundle(tmp_path / "r", rates))], "pytest-benchmark")


def test_an_unknown_format_is_named_with_its_neighbour(source: Source) -> None:
    with pytest.raises(InputError, match="'cvs'") as caught:
        export([source], "cvs")
    assert caught.value.remedy == "Did you mean 'csv'?"


def test_a_header_without_its_time_is_the_bundles_fault(tmp_path: Path) -> None:
    found = source_of(bundle(tmp_path / "r", everything(), created="yesterday"))
    with pytest.raises(InputError, match="does not say when"):
        export([found], "otava")


def test_unknown_settings_are_no_zero(tmp_path: Path) -> None:
    found = source_of(bundle(tmp_path / "r", everything()))
    assert found.cpus == HEADER["settings"]["cpus"]
    imported = source_of(bundle(tmp_path / "i", everything(), settings={"cpus": None, "memory": 2**29}))
    assert imported.cpus is None
    assert "target=kvm/accelerator=tcg 1" in text("benchfmt", imported)
