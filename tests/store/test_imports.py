"""Files of other tools as runs: what they become, what is refused, and what the tools of this machine print."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.workloads import foreign_outputs as outputs
from vbench import config
from vbench.errors import InputError
from vbench.reports import verify
from vbench.reports.exports import FORMATS, export, source_of
from vbench.reports.finish import finish, machine_of
from vbench.reports.of_bundle import table_of
from vbench.store.bundle import Bundle, find
from vbench.store.imports import Request, import_files
from vbench.store.taken import Origin
from vbench.workloads import parse

pytestmark = pytest.mark.usefixtures("xdg")


def origins(folder: Path, *texts: tuple[str, str]) -> list[Origin]:
    """Write the texts of (target, text) into files of their own."""
    found = []
    for number, (target, text) in enumerate(texts):
        path = folder / f"{number}.txt"
        path.write_bytes(text.encode())
        found.append(Origin(target, path))
    return found


def imported(
    folder: Path, *texts: tuple[str, str], fresh: bool = False, mixed: bool = False, part: str | None = None
) -> Bundle:
    return import_files(Request("disk.lab", origins(folder, *texts), part, fresh=fresh, mixed=mixed))


FAST, SLOW = outputs.fio3("read"), outputs.fio3("read").replace("10000.5", "5000.25")


def test_two_targets_are_compared(tmp_path: Path) -> None:
    bundle = imported(tmp_path, ("bare", FAST), ("kvm", SLOW))
    cells = {(cell.metric, cell.target): cell for cell in finish(bundle).cells}
    assert cells["iops", "kvm"].ratio == pytest.approx(2.0)
    assert cells["iops", "kvm"].verdict == "one boot"
    assert cells["latency_p50", "kvm"].ratio == pytest.approx(1.0)
    assert find("@latest").header["imported"][1] == {
        "file": "1.txt", "target": "kvm", "tool": "fio", "version": "3.33",
        "sha256": bundle.header["imported"][1]["sha256"],
    }  # fmt: skip
    assert bundle.header["workloads"]["disk.lab"]["tails"] == ["latency_p99", "latency_p999"]


def test_files_are_one_boot_unless_told_otherwise(tmp_path: Path) -> None:
    texts = [("bare", FAST), ("bare", FAST), ("kvm", SLOW), ("kvm", SLOW)]
    assert {cell.boots for cell in table_of(imported(tmp_path, *texts)).cells} == {1}
    fresh = table_of(imported(tmp_path, *texts, fresh=True))
    assert {cell.boots for cell in fresh.cells} == {2}
    assert not any("instance" in said for cell in fresh.cells for said in cell.warnings)


def test_a_target_alone_has_values_and_no_ratio(tmp_path: Path) -> None:
    (cell, *_) = table_of(imported(tmp_path, ("lab7/kvm", FAST))).cells
    assert (cell.verdict, cell.ratio) == ("withheld", None)
    assert cell.value is not None


def test_a_failure_is_kept_as_one(tmp_path: Path) -> None:
    bundle = import_files(Request("net.lab", origins(tmp_path, ("bare", outputs.iperf3('{}, "error": "busy"')))))
    (cell,) = table_of(bundle).cells
    assert (cell.value, cell.verdict) == (None, "failed")
    assert "iperf3 said: 'busy'" in cell.warnings[0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (outputs.fio3("read", version="fio-3.28"), r"'0.txt' is of fio 3.33, '1.txt' of fio 3.28"),
        (outputs.fio3("read").replace('"4k"', '"16k"'), r"'bs' is '4k' in '0.txt' and '16k' in '1.txt'"),
        (outputs.TERSE["v4"], r"'bs' is '4k' in '0.txt' and not set in '1.txt'"),
        (outputs.SYSBENCH["1.0-cpu"], r"'0.txt' is of fio 3.33, '1.txt' of sysbench 1.0.20"),
    ],
    ids=["version", "block size", "no definition", "tool"],
)
def test_two_versions_or_definitions_are_named_and_not_pooled(tmp_path: Path, other: str, message: str) -> None:
    texts = ("bare", FAST), ("kvm", other)
    with pytest.raises(InputError, match=message):
        imported(tmp_path, *texts)
    cells = table_of(imported(tmp_path, *texts, mixed=True)).cells
    compared = [cell for cell in cells if cell.verdict == "one boot"]
    assert all(any("files of 'disk.lab' differ" in said for said in cell.warnings) for cell in compared)


def test_runs_of_two_versions_or_definitions_have_other_definitions(tmp_path: Path) -> None:
    texts = [
        FAST,
        FAST.replace('"/dev/sdb"', '"/dev/vda"'),
        outputs.fio3("read", version="fio-3.28"),
        FAST.replace("4k", "8k"),
    ]
    told = [imported(tmp_path, ("bare", text)).header["workloads"]["disk.lab"] for text in texts]
    first, elsewhere, older, larger = [(one["version"], one["digest"]) for one in told]
    assert first == elsewhere
    assert older[0] != first[0]
    assert larger[1] != first[1]


def test_two_machines_are_told_apart(tmp_path: Path) -> None:
    files = origins(tmp_path, ("bare", FAST))
    first, second = (import_files(Request("disk.lab", files, machine=name)) for name in ("lab7", "lab8"))
    assert machine_of(first) == {"cpu.model": "lab7"}
    assert machine_of(second) == {"cpu.model": "lab8"}
    assert machine_of(import_files(Request("disk.lab", files))) == {}


def test_parts_become_workloads_and_one_can_be_chosen(tmp_path: Path) -> None:
    both = outputs.fio3("read", "write", name="DB: mix")
    bundle = imported(tmp_path, ("bare", both))
    assert set(bundle.header["workloads"]) == {"disk.lab-db-mix-read", "disk.lab-db-mix-write"}
    chosen = imported(tmp_path, ("bare", both), part="DB: mix write")
    assert set(chosen.header["workloads"]) == {"disk.lab"}
    with pytest.raises(InputError, match="no part 'DB'") as caught:
        imported(tmp_path, ("bare", both), part="DB")
    assert "'DB: mix read'" in caught.value.remedy


def test_jobs_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    document = json.loads(FAST)
    document["jobs"] *= 3
    bundle = imported(tmp_path, ("bare", json.dumps(document)))
    names = ["disk.lab-randread", "disk.lab-randread_2", "disk.lab-randread_3"]
    assert list(bundle.header["workloads"]) == names
    assert {sample.workload for sample in bundle.samples()} == set(names)


@pytest.mark.parametrize("text", outputs.EVERY, ids=range(len(outputs.EVERY)))
def test_every_kind_of_file_gives_a_run_that_is_verified(tmp_path: Path, text: str) -> None:
    bundle = imported(tmp_path, ("bare", text), ("kvm", text))
    assert finish(bundle).cells
    report = verify.check(bundle)
    assert report.verified, report.findings
    raw = bundle.folder / "raw" / "000000-0.json"
    record = json.loads(raw.read_text())
    raw.write_text(json.dumps({**record, "target": "other"}))
    assert not verify.check(bundle).verified


@pytest.mark.parametrize("form", FORMATS)
def test_an_imported_run_goes_into_every_format(tmp_path: Path, form: str) -> None:
    bundle = imported(tmp_path, ("bare", FAST), ("kvm", SLOW))
    assert b"disk.lab" in export([source_of(bundle)], form).lower()  # snappy keeps the first of a kind readable


@pytest.mark.parametrize(
    ("workload", "target", "message"),
    [
        ("disk", "bare", "'disk' is no name of a workload"),
        ("disk.lab", "../x", "no name of a target"),
        ("a.b", "", "''"),
    ],
)
def test_bad_names_are_refused(tmp_path: Path, workload: str, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_files(Request(workload, origins(tmp_path, (target, FAST))))


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(9 * 2**20)
    for name, message in (
        ("fifo", "is no file"),
        ("gone", "No such file"),
        ("large", "more than"),
        (".", "is no file"),
    ):
        with pytest.raises(InputError, match=message):
            import_files(Request("disk.lab", [Origin("bare", tmp_path / name)]))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_files_of_other_shells_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(FAST.replace("\n", "\r\n").encode(encoding))
    assert table_of(import_files(Request("disk.lab", [Origin("bare", path)]))).cells


def test_the_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"0\.txt' cannot be imported: The output is of no tool"):
        imported(tmp_path, ("bare", "hello"))


def test_a_shipped_workload_reads_what_its_own_job_printed_elsewhere(tmp_path: Path) -> None:
    text = '{"round_trips": 1000, "latency_mean": 2e-5, "latency_p50": 1.9e-5, "latency_p99": 5e-5}\n'
    request = Request("network.latency", origins(tmp_path, ("bare", text)))
    bundle = import_files(request, config.workloads())
    assert {cell.metric: cell.value for cell in finish(bundle).cells} == pytest.approx(
        {"latency_mean": 2e-5, "latency_p50": 1.9e-5, "latency_p99": 5e-5}
    )
    assert verify.check(bundle).verified
    with pytest.raises(InputError, match="of no tool"):
        import_files(request)


def test_a_shipped_workload_s_name_makes_no_shipped_job_of_a_file(tmp_path: Path) -> None:
    bundle = import_files(Request("disk.randread", origins(tmp_path, ("bare", FAST))), config.workloads())
    assert bundle.header["workloads"]["disk.randread"]["version"] == "fio 3.33"
    assert not (bundle.folder / "workloads").exists()


def output(argv: Sequence[str], folder: Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout + (done.stderr if argv[0] == "stress-ng" else "")


def fio(*words: str) -> list[str]:
    job = ["--name=lab", "--rw=randread", "--bs=4k", "--size=1m", "--filename=lab.dat", "--number_ios=200"]
    return ["fio", *job, *words]


@pytest.mark.parametrize(
    ("argv", "metric"),
    [
        (fio("--output-format=json"), "iops"),
        (fio("--output-format=json+"), "latency_p99"),
        (fio("--output-format=terse", "--terse-version=3"), "latency_p50"),
        (fio("--output-format=terse", "--terse-version=5"), "bandwidth"),
        (fio("--output-format=terse,json"), "iops"),
        (["sysbench", "cpu", "--time=1", "run"], "rate"),
        (["sysbench", "memory", "--time=1", "run"], "bandwidth"),
        (["sysbench", "threads", "--time=1", "run"], "latency_p95"),
        (["stress-ng", "--cpu", "1", "--timeout", "1", "--metrics-brief"], "rate"),
        (["sh", "-c", "stress-ng --cpu 1 --timeout 1 --metrics-brief --yaml y >log 2>&1 && cat y"], "rate"),
        (["openssl", "speed", "-seconds", "1", "-bytes", "1024", "sha256"], "bandwidth"),
        (["openssl", "speed", "-seconds", "1", "ecdsap256"], "rate"),
        (["openssl", "speed", "-seconds", "1", "-mr", "-bytes", "64", "sha256"], "bandwidth"),
        (["7z", "b", "-mmt1", "-md18", "1"], "rate"),
    ],
    ids=lambda value: "-".join(value[:3]) if isinstance(value, list) else None,
)
def test_what_this_machines_tools_print_is_imported(tmp_path: Path, argv: list[str], metric: str) -> None:
    if shutil.which(argv[0]) is None:
        pytest.fail(f"'{argv[0]}' is missing: run scripts/env.sh")
    bundle = imported(tmp_path, ("bare", output(argv, tmp_path)))
    found = [sample.value for sample in bundle.samples() if sample.metric == metric]
    assert found
    assert all(value is not None and value > 0 for value in found)


@pytest.mark.parametrize("protocol", [[], ["--udp", "--bitrate", "10M"], ["--bidir"]], ids=["tcp", "udp", "bidir"])
def test_what_iperf3_prints_is_imported(tmp_path: Path, protocol: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    argv = ["iperf3", "--server", "--one-off", "--forceflush", "--port", port]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert any("listening" in line for line in server.stdout)
        text = output(["iperf3", "--client", "127.0.0.1", "--port", port, "--time", "1", "--json", *protocol], tmp_path)
    bundle = imported(tmp_path, ("bare", text))
    found = [sample.value for sample in bundle.samples() if sample.metric == "throughput"]
    assert len(found) == (2 if protocol == ["--bidir"] else 1)
    assert all(value is not None and value > 1e5 for value in found)


def test_a_live_job_and_an_import_read_the_same_numbers(tmp_path: Path) -> None:
    (live,) = [workload for workload in config.workloads() if workload.name == "disk.randread"]
    text = output(fio("--output-format=json"), tmp_path)
    bundle = imported(tmp_path, ("bare", text))
    values = {sample.metric: sample.value for sample in bundle.samples()}
    expected = parse(live, text)
    assert {metric: values[metric] for metric in expected} == expected


def test_what_pytest_benchmark_saves_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_sort.py").write_text("def test_sort(benchmark):\n    benchmark(sorted, [3, 1, 2])\n")
    options = [
        "--benchmark-json=out.json",
        "--benchmark-min-rounds=5",
        "--benchmark-max-time=0.1",
        "-p",
        "no:cacheprovider",
    ]
    # A worker of pytest-xdist would measure nothing.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run([sys.executable, "-m", "pytest", "-q", *options, "test_sort.py"], check=True, cwd=tmp_path, env=env)
    bundle = imported(tmp_path, ("bare", (tmp_path / "out.json").read_text()))
    (sample,) = bundle.samples()
    assert sample.metric == "duration"
    assert sample.value is not None
    assert 1e-9 < sample.value < 1
