"""The families `cpu` and `memory`: the image's own programs and the scripts behind them, and what they refuse."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vbench import config
from vbench.image import Image
from vbench.model import Failure
from vbench.workloads import Workload, expand, parse
from vbench.workloads.argv import PLACEHOLDERS

SHIPPED = {workload.name: workload for workload in config.workloads() if workload.family in {"cpu", "memory"}}
NATIVE = "/usr/lib/vbench/native/"
MIB = 2**20
PR_SET_THP_DISABLE = 41
# The image's root with /proc in it, which goes away with the mount namespace.
INSIDE = ("unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"')

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="mounts need root")


@pytest.fixture
def run(image: Image) -> Run:
    """Return what runs a program in the image."""

    def runner(*argv: object, source: str | None = None, before: Callable[[], None] | None = None) -> Done:
        whole = [*INSIDE, str(image.rootfs), *map(str, argv)]
        return subprocess.run(
            whole, capture_output=True, text=True, timeout=60, check=False, input=source, preexec_fn=before
        )

    return runner


def script(name: str, *argv: object, **environ: str) -> Done:
    """Run one of the scripts with this Python."""
    whole = [sys.executable, str(Path(SHIPPED["cpu.primes"].path).parent / name), *map(str, argv)]
    env = os.environ | environ
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False, env=env)


def number(workload: str, metric: str, stdout: str) -> float:
    value = parse(SHIPPED[workload], stdout)[metric]
    assert not isinstance(value, Failure), value
    return value


def alone(workload: Workload) -> list[str]:
    """Return the job's arguments for one CPU, openssl's way of asking for processes left out."""
    values = dict.fromkeys(PLACEHOLDERS, "?") | {"cpus": "1"}
    argv = list(expand(workload.job.argv, values))
    return [word for at, word in enumerate(argv) if "-multi" not in argv[max(at - 1, 0) : at + 1]]


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith("-all")])
def test_with_one_cpu_the_variant_for_all_of_them_is_the_same_job(name: str) -> None:
    whole, single = SHIPPED[name], SHIPPED[name.removesuffix("-all")]
    assert "{cpus}" in " ".join(whole.job.argv)
    assert "{cpus}" not in " ".join(single.job.argv)
    assert alone(whole) == alone(single)
    same = ("metrics", "files", "prepare", "measures", "working_set", "source")
    assert [getattr(whole, key) for key in same] == [getattr(single, key) for key in same]


@pytest.mark.parametrize("name", ["memory.latency", "memory.latency-huge"])
def test_the_curve_has_a_metric_for_each_size(name: str) -> None:
    _, _, kind, stride, *sizes = SHIPPED[name].job.argv
    assert (kind, stride) == ("huge" if name.endswith("huge") else "small", "64")
    assert [metric.name for metric in SHIPPED[name].metrics] == [f"latency_{size}" for size in sizes]


def test_the_tlb_is_measured_by_its_number_of_pages() -> None:
    _, _, _, stride, *sizes = SHIPPED["memory.tlb"].job.argv
    pages = [int(size.removesuffix("k")) * 1024 // int(stride) for size in sizes]
    assert [metric.name for metric in SHIPPED["memory.tlb"].metrics] == [f"latency_{count}_pages" for count in pages]
    assert [metric.json for metric in SHIPPED["memory.tlb"].metrics] == [f'"{size}"' for size in sizes]


def test_the_columns_of_7_zip_are_told_apart() -> None:
    stdout = "Avr:     10246   100   9148   9129  |      60265    99   4874   4874\n"
    assert number("cpu.7zip", "compress", stdout) == 10246 * 1024
    assert number("cpu.7zip", "decompress", stdout) == 60265 * 1024


def test_the_columns_of_zstd_are_told_apart() -> None:
    stdout = (
        "bench 1.5.4 : input 10000000 bytes, 1 seconds, 0 KB blocks\n"
        "-3             3230847 (3.095)  265.24 MB/s  1914.3 MB/s  Synthetic 50%\n"
    )
    assert number("cpu.zstd", "compress", stdout) == pytest.approx(265.24e6)
    assert number("cpu.zstd", "decompress", stdout) == pytest.approx(1914.3e6)


def test_of_several_openssl_processes_the_sum_counts() -> None:
    each = "Got: +H:16384 from {0}\nGot: +F:25:AES-256-GCM:2581954560.00 from {0}\n"
    stdout = f"Forked child 0\nForked child 1\n{each.format(0)}{each.format(1)}+F:25:AES-256-GCM:5163909120.00\n"
    assert number("cpu.aes-all", "bandwidth", stdout) == pytest.approx(5163909120.0)


def test_a_rate_is_over_whole_runs_of_every_worker(tmp_path: Path) -> None:
    log, temporary = tmp_path / "log", tmp_path / "temporary"
    temporary.mkdir()
    command = f"pwd >> {log}; touch here; test $(ls | wc -l) = 1; sleep 0.2"
    done = script("repeat.py", 0.01, 3, "sh", "-ec", command, TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["rate"] < 3 / 0.2
    folders = log.read_text().split()
    assert len(folders) == len(set(folders)) == 3
    assert all(folder.startswith(str(temporary)) for folder in folders)
    assert not list(temporary.iterdir())


def test_a_command_that_fails_gives_no_rate() -> None:
    done = script("repeat.py", 0.01, 2, "sh", "-c", "echo said >&2; exit 3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "said" in done.stderr
    assert "exit status 3" in done.stderr


def test_python_is_timed_kernel_by_kernel_and_the_mean_is_geometric() -> None:
    done = script("interpreter.py", 0.05, 2)
    assert done.returncode == 0, done.stderr
    rates = json.loads(done.stdout)
    mean = rates.pop("rate")
    assert rates.keys() == {"calls", "floats", "tables", "texts", "objects"}
    assert min(rates.values()) < mean < max(rates.values())
    product = 1.0
    for rate in rates.values():
        product *= rate
    assert mean**5 == pytest.approx(product)


def test_a_python_that_calculates_wrongly_gives_no_rate(tmp_path: Path) -> None:
    text = SHIPPED["cpu.interpreter"].contents["interpreter.py"].decode()
    wrong = tmp_path / "interpreter.py"
    wrong.write_text(text.replace("x = 0.5", "x = 0.25"))
    assert wrong.read_text() != text
    for workers in ((), ("1",)):
        done = subprocess.run([sys.executable, wrong, "0.05", *workers], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "and not 0.9316369092789707" in done.stderr


@needs_root
def test_floats_say_which_kernels_they_took_and_take_the_same_for_every_processor(run: Run) -> None:
    source = SHIPPED["cpu.float"].contents["floats.py"].decode()
    done = run("python3", "-", 0.05, 2, "baseline", source=source)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["core"] in {"Nehalem", "ARMV8"}
    assert said["threads"] == 2
    assert number("cpu.float", "dgemm", done.stdout) == said["dgemm"]


@needs_root
def test_a_library_that_disregards_threads_and_kernels_gives_no_floats(run: Run) -> None:
    source = SHIPPED["cpu.float"].contents["floats.py"].decode()
    done = run("python3", "-", 0.05, 1, "native", source=source.replace("openblas_get_corename", "nobodys_corename"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "another library than OpenBLAS" in done.stderr


@needs_root
def test_stream_takes_three_sixteenths_of_the_memory(run: Run) -> None:
    done = run(NATIVE + "stream", 0.01, 2, 64 * MIB)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["array"], said["threads"]) == (4 * MIB, 2)
    assert said["passes"] >= 1
    assert not [value for value in parse(SHIPPED["memory.stream"], done.stdout).values() if isinstance(value, Failure)]


@needs_root
def test_a_walk_names_each_size_and_one_through_more_memory_takes_no_less(run: Run) -> None:
    done = run(NATIVE + "latency", 0.2, "small", 64, "16k", "64m")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert list(said) == ["16k", "64m"]
    assert 0 < said["16k"] < said["64m"]


@needs_root
def test_updates_done_twice_restore_a_table_of_a_power_of_two(run: Run) -> None:
    done = run(NATIVE + "gups", 0.01, "small", 48 * MIB)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["bytes"] == 8 * MIB
    assert said["updates"] > 0
    assert said["rate"] > 0


@needs_root
@pytest.mark.parametrize(("kind", "pages"), [("small", 1024), ("huge", 2)])
def test_every_fault_is_one_that_the_kernel_counted(run: Run, kind: str, pages: int) -> None:
    done = run(NATIVE + "faults", 0.01, kind, 4)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["pages"] % pages == 0
    assert said["counted"] >= said["pages"] > 0


@needs_root
@pytest.mark.parametrize("argv", [("faults", 0.01, "huge", 8), ("latency", 0.01, "huge", 64, "8m")])
def test_small_pages_never_pass_for_huge_ones(run: Run, argv: tuple[object, ...]) -> None:
    prctl = ctypes.CDLL(None).prctl

    def without_huge_pages() -> None:
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)

    done = run(NATIVE + str(argv[0]), *argv[1:], before=without_huge_pages)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the kernel gave small ones" in done.stderr


@needs_root
@pytest.mark.parametrize("argv", [("mappings", "touch", 0.05), ("protect", 0.05, 1), ("protect", 0.05, 2)])
def test_changes_of_the_address_space_are_measured_in_batches(run: Run, argv: tuple[object, ...]) -> None:
    if argv[1:] == (0.05, 2) and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("one CPU")
    done = run(NATIVE + str(argv[0]), *argv[1:])
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["batches"] * said["times"] / said["rate"] > 0.049


@needs_root
@pytest.mark.parametrize(
    "argv",
    [
        ("stream", 1, 0, 512 * MIB),
        ("latency", 1, "small", 64, "64"),
        ("latency", 1, "small", 64, "96k"),
        ("latency", 1, "middling", 64, "1m"),
        ("gups", 1, "small", 1024),
        ("faults", 1, "small", 3),
        ("mappings", "nothing", 1),
        ("protect", 0, 1),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, argv: tuple[object, ...]) -> None:
    done = run(NATIVE + str(argv[0]), *argv[1:])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
