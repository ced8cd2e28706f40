"""Output of eight tools in the forms of their versions: the right numbers in base units, or why there is none."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads import foreign_outputs as outputs
from tests.workloads.conftest import FILES, PATH, TEXT
from vbench.errors import InputError
from vbench.model import Failure
from vbench.workloads import load
from vbench.workloads.foreign import LIMIT, Report, read
from vbench.workloads.foreign.report import LARGEST, SMALLEST

Values = dict[str, float | Failure]
TERSE = {
    "iops": 16500,
    "bandwidth": 66000 * 1024,
    "latency_mean": 52.534129e-6,
    "latency_p50": 40e-6,
    "latency_p99": 185e-6,
    "latency_p999": 284e-6,
}


def values(report: Report, part: int = 0) -> Values:
    return {one.metric.name: one.value for one in report.parts[part].readings}


def why(report: Report, metric: str) -> str:
    failure = values(report)[metric]
    assert isinstance(failure, Failure)
    assert failure.blame == "job"
    return failure.message


def test_fio_3_in_base_units() -> None:
    report = read(outputs.fio3("read"))
    assert (report.tool, report.version) == ("fio", "3.33")
    assert [part.name for part in report.parts] == ["randread"]
    assert report.parts[0].definition == {"rw": "randread", "bs": "4k"}
    expected = {"iops": 10000.5, "bandwidth": 40960000, "latency_mean": 90000.5e-9, "latency_p50": 80e-6}
    assert values(report) == pytest.approx(expected | {"latency_p99": 200e-6, "latency_p999": 900e-6})
    tails = {one.metric.name for one in report.parts[0].readings if one.metric.tail}
    assert tails == {"latency_p99", "latency_p999"}


def test_fio_2_in_microseconds_and_kib() -> None:
    report = read(outputs.FIO_2_1)
    assert report.version == "2.1.11"
    assert values(report)["bandwidth"] == 34952 * 1024
    assert values(report)["latency_p99"] == pytest.approx(195e-6)
    assert values(report)["latency_mean"] == pytest.approx(111.43e-6)


def test_each_direction_of_a_fio_job_is_a_part_of_its_own() -> None:
    report = read(outputs.fio3("read", "write"))
    assert [part.name for part in report.parts] == ["randread read", "randread write"]


@pytest.mark.parametrize("junk", ["fio: sprandom sets norandommap=1\n", "{ not json\n[1] warning\n", "\ufeff"])
def test_lines_before_the_json_do_no_harm(junk: str) -> None:
    assert values(read(junk.removeprefix("\ufeff") + outputs.fio3("write")))["iops"] == 10000.5


def test_of_several_status_reports_the_last_one_counts() -> None:
    report = read(outputs.fio3("read") + "\n" + outputs.fio3("read", name="later") + "\n")
    assert report.parts[0].name == "later"
    assert "the last of 2 reports" in report.warnings[0]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [({"error": 5}, "with the error 5"), ({"read": {}}, "did no I/O"), ({"read": {"iops": "many"}}, "did no I/O")],
)
def test_a_fio_job_that_broke_is_a_failure(spoilt: dict[str, Any], message: str) -> None:
    assert message in why(read(outputs.fio3("read", **spoilt)), "iops")


def test_percentiles_that_fio_was_told_to_leave_out_are_absent_and_not_zero() -> None:
    text = outputs.fio3("read", read={"iops": 10.0, "total_ios": 5, "bw": 40, "clat_ns": {"mean": 5e4}})
    assert "it is absent" in why(read(text), "latency_p99")


@pytest.mark.parametrize("version", outputs.TERSE)
def test_terse_fields_are_found_whatever_stands_around_them(version: str) -> None:
    report = read(outputs.TERSE[version])
    assert values(report) == pytest.approx(TERSE)
    assert len(report.parts) == 1
    assert report.parts[0].name.replace(";", "") == "randread"
    assert (report.version is None) == (version == "v2")


def test_a_terse_line_that_is_cut_off_is_a_failure() -> None:
    cut = outputs.TERSE["v3"][:150]
    assert "cut off" in why(read(cut), "iops")


def test_a_terse_job_with_an_error_is_a_failure() -> None:
    assert "error" in why(read(outputs.TERSE["v3"].replace("randread;0;0;", "randread;0;5;")), "iops")


def test_iperf3_gives_what_arrived() -> None:
    report = read(outputs.iperf3(outputs.TCP))
    assert (report.tool, report.version) == ("iperf3", "3.12")
    assert values(report) == {"throughput": 1e9}
    assert report.parts[0].definition["blksize"] == "131072"


@pytest.mark.parametrize("end", [outputs.UDP_OLD, outputs.UDP_NEW], ids=["sum alone", "sum_received"])
def test_udp_counts_what_arrived_in_old_and_new_versions(end: str) -> None:
    found = values(read(outputs.iperf3(end, protocol="UDP")))
    assert found == pytest.approx({"throughput": 9e6 / 8, "delivered": 0.9, "jitter": 0.5e-3})


def test_udp_that_lost_nothing_has_a_share_of_one() -> None:
    end = outputs.UDP_NEW.replace('"lost_packets": 10', '"lost_packets": 0')
    assert values(read(outputs.iperf3(end, protocol="UDP")))["delivered"] == 1.0


def test_minus_nan_is_read_over_and_is_no_number() -> None:
    report = read(outputs.iperf3(outputs.UDP_NAN, protocol="UDP"))
    assert "absent" in why(report, "delivered")
    assert "absent" in why(report, "throughput")


def test_a_report_that_is_printed_twice_is_one_report() -> None:
    text = outputs.iperf3(outputs.UDP_NAN, protocol="UDP")
    assert read(text + text).parts == read(text).parts


def test_two_different_reports_are_refused() -> None:
    with pytest.raises(InputError, match="2 different reports of 'iperf3'"):
        read(outputs.iperf3(outputs.TCP) + outputs.iperf3(outputs.TCP.replace("8e9", "7e9")))


def test_events_that_were_streamed_are_put_together() -> None:
    whole = json.loads(outputs.iperf3(outputs.TCP))
    lines = [json.dumps({"event": name, "data": whole[name]}) for name in ("start", "end")]
    lines.insert(1, json.dumps({"event": "interval", "data": {}}))
    assert read("\n".join(lines)).parts == read(outputs.iperf3(outputs.TCP)).parts


def test_a_repeated_key_has_no_value() -> None:
    assert "there twice" in why(read(outputs.iperf3(outputs.BIDIR_37)), "throughput")


def test_both_directions_of_a_new_bidirectional_test() -> None:
    report = read(outputs.iperf3(outputs.BIDIR_312))
    assert [(part.name, values(report, at)) for at, part in enumerate(report.parts)] == [
        ("forward", {"throughput": 1e9}),
        ("reverse", {"throughput": 5e8}),
    ]


def test_an_error_object_is_the_reason() -> None:
    text = outputs.iperf3('{}, "error": "unable to connect: No route"')
    assert "iperf3 said: 'unable to connect: No route'" in why(read(text), "throughput")


@pytest.mark.parametrize("version", outputs.SYSBENCH)
def test_sysbench_in_all_its_ages(version: str) -> None:
    report = read(outputs.SYSBENCH[version])
    number, _, test = version.partition("-")
    assert report.version is not None
    assert report.version.startswith(number)
    expected: dict[str, float] = {"latency_mean": 0.5e-3, "latency_p95": 0.75e-3}
    match test:
        case "memory":
            expected |= {"bandwidth": 2543.21 * 2**20}
        case "fileio":
            expected |= {"iops": 4000, "bandwidth": 62.5 * 2**20}
        case _:
            expected |= {"rate": 4000}
    assert values(report) == pytest.approx(expected)
    assert report.parts[0].definition["Number of threads"] == "2"
    assert not any("andom" in key and "test" not in key for key in report.parts[0].definition)


def test_two_sysbench_reports_in_one_file_are_refused() -> None:
    with pytest.raises(InputError, match="2 different reports"):
        read(outputs.SYSBENCH["1.0-cpu"] * 2)


@pytest.mark.parametrize("version", outputs.STRESS_NG)
def test_stress_ng_on_the_console_and_in_yaml(version: str) -> None:
    report = read(outputs.STRESS_NG[version])
    assert [part.name for part in report.parts] == ["cpu"]
    assert values(report) == pytest.approx({"rate": 340.4, "cpu_per_work": 10.01 / 3404})
    assert (report.version == "0.15.06") == (version == "yaml")


def test_cpu_time_below_the_clock_s_tick_is_left_out() -> None:
    text = outputs.STRESS_NG["0.15-console"].replace("8.01", "0.00").replace("2.00", "0.00")
    assert values(read(text)) == {"rate": 340.4}


@pytest.mark.parametrize("version", outputs.SEVEN_ZIP)
def test_seven_zip_ratings(version: str) -> None:
    report = read(outputs.SEVEN_ZIP[version])
    assert (report.tool, report.version) == ("7z", version)
    assert [part.name for part in report.parts] == ["compress", "decompress"]
    assert values(report)["rate"] == 2639e6
    assert values(report, 1)["rate"] == 3535e6
    assert values(report).get("bandwidth") == (2713 * 1024 if version == "26.02" else None)
    assert report.parts[0].definition == {"dictionaries": "22", "threads": "2"}


@pytest.mark.parametrize("version", outputs.OPENSSL)
def test_openssl_tables(version: str) -> None:
    report = read(outputs.OPENSSL[version])
    assert report.version is not None
    assert report.version.startswith(version)
    found = {part.name: values(report, at) for at, part in enumerate(report.parts)}
    assert found["aes-128 cbc 64 bytes"] == pytest.approx({"bandwidth": 408242990})
    assert found["rsa 2048 bits sign"] == {"rate": 4173.7}
    assert found["rsa 2048 bits verify"] == {"rate": 61853.0}
    assert found["253 bits ecdh (X25519) op"] == {"rate": 31592.5}
    assert isinstance(found["sha256 1024 bytes"]["bandwidth"], Failure)
    assert len(found) == 9


def test_openssl_for_machines() -> None:
    report = read(outputs.OPENSSL_MR)
    assert [part.name for part in report.parts] == ["sha256 16 bytes", "sha256 64 bytes", "sha256 256 bytes"]
    assert values(report, 2) == {"bandwidth": 989488223.26}


def test_pytest_benchmarks_are_durations() -> None:
    report = read(outputs.PYTEST_BENCHMARK)
    assert (report.tool, report.version) == ("pytest-benchmark", "4.0.0")
    assert report.parts[0].name == "tests/test_x.py::test_sort[10]"
    assert values(report) == {"duration": 0.0025}
    assert report.parts[0].definition == {"timer": "perf_counter", "n": "10"}


def test_a_workload_reads_its_own_output_as_in_a_live_job() -> None:
    workload = load(TEXT, PATH, FILES.__getitem__)
    report = read('{"runs": [{"99.0": 1500}]}\nrate: 12.5\n', workload)
    assert (report.tool, report.version) == ("python3", None)
    assert values(report) == {"duration": 1.5, "rate": 12.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "of no tool"),
        ("hello\n", "of no tool"),
        ("version: 1\n12 MB/s\n", "of no tool"),
        ('{"fio version": "fio-3.1", "jobs": []}', "holds no result"),
        ('{"machine_info": {}, "benchmarks": []}', "holds no result"),
        ("x" * (LIMIT + 1), "more than"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


def test_more_results_than_a_table_can_hold_are_refused() -> None:
    document = json.loads(outputs.fio3("read"))
    document["jobs"] *= 1001
    with pytest.raises(InputError, match="more than 1000 results"):
        read(json.dumps(document))


@given(st.sampled_from(outputs.EVERY), st.data())
@settings(deadline=None, max_examples=300)
def test_whatever_happens_to_a_file_there_are_sound_numbers_or_reasons(text: str, data: st.DataObject) -> None:
    position, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
    pieces = st.sampled_from(
        ["0", "-1", "1e999", "nan", "-nan", "9" * 400, "null", '"x"', "{", "]", "\n", ";", "é", "\0"]
    )
    put = "".join(data.draw(st.lists(pieces | st.text(max_size=5), max_size=4)))
    try:
        report = read(text[:position] + put + text[position + length :])
    except InputError:
        return
    for part in report.parts:
        for one in part.readings:
            assert isinstance(one.value, Failure) or SMALLEST <= one.value <= LARGEST


@pytest.mark.timeout(100)  # each takes a tenth of a second; a reader that takes quadratic time takes hours
@pytest.mark.parametrize(
    ("head", "repeated"),
    [
        ("", "\n"), ("", "[\n"), ("", "[]\n"), ("", '{"a":'), ("", "nan "), ("[nan", " "), ('{"fio version": ', "["),
        ("sysbench 1.0\nNumber of threads: 1\n", "\n"), ("sysbench 1.0\nNumber of threads: 1\n", "avg:\n"),
        ("sysbench 1.0\nNumber of threads: 1\ntotal time: ", "1"), ("sysbench 1.0\nNumber of threads: 1\n", "1."),
        ("sysbench 1.0\nNumber of threads: 1\nTotal transferred ", "1"), ("stress-ng: info: [1]", " cpu"),
        ("stress-ng: ", "]"), ("7-Zip ", " "), ("7-Zip ", "(a) "), ("7-Zip 9.20\nAvr:", " 1"), ("version: 1\n", "a/s "),
        ("version: 1\n", "a"), ("version: 1\na/s\n", "1 "), ("3;fio-1;", "1%=1;"), ("3;fio-1;", "0"),
    ],
)  # fmt: skip
def test_hostile_texts_take_time_in_proportion_to_their_length(head: str, repeated: str) -> None:
    text = (head + repeated * 2**20)[: 2**20]
    try:
        report = read(text)
    except InputError:
        return
    assert report.parts


@given(st.text(st.sampled_from('{}[]":,;%=0123456789.\n \tksavgtypeFH+/nm|-<>'), max_size=400))
@settings(deadline=None, max_examples=300)
def test_noise_is_read_or_refused_and_nothing_else(text: str) -> None:
    for head in (
        "",
        "sysbench 1.0\nNumber of threads: 1\n",
        "version: 1\ntype  16 bytes\n",
        "7-Zip 9.20\n",
        "3;fio-3;",
    ):
        try:
            report = read(head + text)
        except InputError:
            continue
        assert report.parts
