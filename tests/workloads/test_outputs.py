import json
from collections.abc import Callable
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vbench import config
from vbench.model import Failure
from vbench.workloads import LIMIT, Workload, load, outputs, parse

Spoil = Callable[..., Workload]

GOOD = '{"runs": [{"99.0": 1500}]}\nrate: 12.5\n'
SHIPPED = config.workloads()


def why(value: float | Failure) -> str:
    assert isinstance(value, Failure)
    assert value.blame == "job"
    return value.message


def test_json_and_pattern_are_read_and_scaled_to_base_units(spoil: Spoil) -> None:
    assert parse(spoil(), GOOD) == {"duration": 1.5, "rate": 12.5}


@pytest.mark.parametrize("before", ["", "fio: this platform\n", "[INFO] start\n{ not json\n", "  \n\t"])
@pytest.mark.parametrize("after", ["", "\n", "done\n", "\x00\udcff\n"])
def test_lines_before_and_after_the_json_do_no_harm(spoil: Spoil, before: str, after: str) -> None:
    assert parse(spoil(), before + GOOD + after) == {"duration": 1.5, "rate": 12.5}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "holds no JSON"),
        ("{", "holds no JSON"),
        ('{"runs": [{"99.0": 5}]', "holds no JSON"),
        ('{"runs": [{"99.0": 5}]} tail', "holds no JSON"),
        ("[" * 100_000, "holds no JSON"),
        ("{}", "is absent"),
        ('{"runs": []}', "is absent"),
        ('{"runs": {"0": 5}}', "is absent"),
        ('{"runs": [{"99.0": null}]}', "is absent"),
        ('{"runs": [{"99.0": true}]}', "a JSON bool"),
        ('{"runs": [{"99.0": "5"}]}', "a JSON str"),
        ('{"runs": [{"99.0": [5]}]}', "a JSON list"),
        ('{"runs": [{"99.0": 5, "99.0": 5}]}', "there twice"),
        ('{"runs": [{"99.0": NaN}]}', "finite and positive"),
        ('{"runs": [{"99.0": -nan}]}', "finite and positive"),
        ('{"lost": -nan, "runs": [{"99.0": inf}]}', "finite and positive"),
        ('{"runs": [{"99.0": Infinity}]}', "finite and positive"),
        ('{"runs": [{"99.0": 1e999}]}', "finite and positive"),
        ('{"runs": [{"99.0": 1' + "0" * 400 + "}]}", "more digits"),
        ('{"runs": [{"99.0": 0}]}', "finite and positive"),
        ('{"runs": [{"99.0": -5}]}', "finite and positive"),
        ('{"runs": [{"99.0": 0.5}]}', "outside of 0.001 to 1000"),
        ('{"runs": [{"99.0": 2e6}]}', "outside of 0.001 to 1000"),
    ],
)
def test_json_that_gives_no_number_says_why(spoil: Spoil, document: str, message: str) -> None:
    values = parse(spoil(), f"{document}\nrate: 12.5\n")
    assert message in why(values["duration"])
    assert "'duration'" in why(values["duration"])
    assert values["rate"] == 12.5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "nowhere"),
        ("rate: 12,5", "a locale other than C"),
        ("rate: 5\nrate: 5", "twice"),
        ("rate: ...", "no number"),
        ("rate: 1.2.3", "no number"),
        ("rate: 0.0", "finite and positive"),
        ("rate: " + "9" * 400, "finite and positive"),
        ("rate: 0.9", "outside of 1 to 1e+06"),
    ],
)
def test_text_that_gives_no_number_says_why(spoil: Spoil, lines: str, message: str) -> None:
    values = parse(spoil(), '{"runs": [{"99.0": 1500}]}\n' + lines)
    assert message in why(values["rate"])
    assert values["duration"] == 1.5


def test_a_zero_is_a_number_only_where_the_form_says_so(spoil: Spoil) -> None:
    workload = spoil("scale = 1e-3", "scale = 1e-3\nzero = true")
    for printed in ("0", "0.0", "-0.0", "0e5"):
        assert str(parse(workload, f'{{"runs": [{{"99.0": {printed}}}]}}')["duration"]) == "0.0"
    for printed, message in (("null", "absent"), ("NaN", "finite"), ("-1", "finite"), ("0.5", "outside of 0.001")):
        assert message in why(parse(workload, f'{{"runs": [{{"99.0": {printed}}}]}}')["duration"])


def test_too_much_output_gives_no_number_at_all(spoil: Spoil) -> None:
    fits, bursts = (parse(spoil(), GOOD + "x" * (size - len(GOOD))) for size in (LIMIT, LIMIT + 1))
    assert fits == {"duration": 1.5, "rate": 12.5}
    assert all(f"more than {LIMIT}" in why(value) for value in bursts.values())


def test_a_pattern_that_takes_exponential_time_ends(spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_PATIENCE", 0.1)
    workload = spoil("^rate: ([0-9.]+)$", "(?:a+)+b([0-9])")
    assert "searched for 0.1 s" in why(parse(workload, "a" * 3000)["rate"])


def test_a_function_that_fails_on_the_data_is_a_failure(spoil: Spoil) -> None:
    workload = spoil("""runs[0]."99.0\"""", "sum(runs)")
    assert parse(workload, '{"runs": [1000, 500]}')["duration"] == 1.5
    assert "cannot be read" in why(parse(workload, '{"runs": ["x"]}')["duration"])
    assert "cannot be read" in why(parse(workload, '{"runs": 5}')["duration"])


_REAL = json.dumps({"jobs": [{"read": {"iops": 8706.5, "clat_ns": {"percentile": {"50.000000": 5e4}}}}]}, indent=2)
_KEYS = st.sampled_from(["runs", "jobs", "read", "iops", "end", "sum_received", "bits_per_second", "latency_p50"])
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_DOCUMENTS = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=12
)
_LINES = st.sampled_from(["    events per second: ", "(", " MiB/sec)", "\n", "{", "[", "}", "nan", "inf", "-", "1e999"])
_OUTPUTS = st.one_of(
    st.text(),
    st.builds("{}{}".format, st.sampled_from(["", "junk\n"]), _DOCUMENTS.map(json.dumps)),
    st.lists(_LINES | st.floats().map(str) | st.integers().map(str), max_size=12).map("".join),
    st.builds(lambda at, what: _REAL[:at] + what + _REAL[at:], st.integers(0, 400), st.text(max_size=9)),
)


@given(_OUTPUTS)
def test_no_output_whatever_gives_anything_but_a_plausible_number_or_a_failure(stdout: str) -> None:
    for workload in SHIPPED:
        values = parse(workload, stdout)
        assert values.keys() == {metric.name for metric in workload.metrics}
        for metric in workload.metrics:
            value = values[metric.name]
            if isinstance(value, Failure):
                assert value.blame == "job"
                assert len(value.message) < 500
            else:
                assert isfinite(value)
                assert (metric.zero and value == 0) or 0 < metric.low <= value <= metric.high


@given(st.floats(min_value=1.0, max_value=1e6))
def test_every_number_of_the_range_comes_back(rate: float) -> None:
    workload = next(workload for workload in SHIPPED if workload.name == "cpu.primes")
    assert parse(workload, f"CPU speed:\n    events per second: {rate:.2f}\n\n") == {"rate": float(f"{rate:.2f}")}


def test_loading_keeps_what_parsing_needs_so_that_a_stored_text_reads_the_same(spoil: Spoil) -> None:
    workload = spoil()
    again = load(workload.text, workload.path, workload.contents.__getitem__)
    assert parse(again, GOOD) == parse(workload, GOOD)
