"""The index over bundles: what it knows, when it reads again, and what it survives."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.reports.runs import BROKEN, COSTS, WORKLOAD, edit, make
from vbench import paths
from vbench.errors import InputError
from vbench.model import BARE
from vbench.reports.finish import summary_of
from vbench.stats.pairs import log_ratios
from vbench.store import seal
from vbench.store.bundle import Bundle
from vbench.store.index import Index, consult
from vbench.store.session import SOURCES, Measured

pytestmark = pytest.mark.usefixtures("xdg")
Answer = dict[str, list[Measured]]


class Counted:
    """Derives summaries and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, bundle: Bundle) -> Mapping[str, Any]:
        self.times += 1
        return summary_of(bundle)


def everything(folders: Iterable[Path], derive: Any = summary_of) -> Answer:
    """Return all cells by run, as a fresh look at the index gives them."""

    def ask(index: Index) -> Answer:
        return {one.ident: [cell for _, cell in index.cells(folder=Path(one.folder))] for one in index.sessions()}

    return consult(paths.index(), derive, folders, ask)


def trouble(bundle: Bundle) -> str:
    """Return why the index cannot use a bundle."""
    with pytest.raises(InputError) as refused:
        consult(paths.index(), summary_of, [bundle.folder], lambda index: index.session(bundle.folder))
    return refused.value.message


@pytest.mark.parametrize("done", [True, False], ids=["sealed", "unfinished"])
def test_it_holds_the_log_ratios_that_the_samples_give(done: bool) -> None:
    bundle = make("run", boots=4, done=done)
    cells = {(cell.metric, cell.target): cell for cell in everything([bundle.folder])["run"]}
    ratios = {(key.metric, target): logs for (key, target), logs in log_ratios(bundle.samples(), BARE).items()}
    assert {place: list(cell.log_ratios) for place, cell in cells.items() if cell.target != BARE} == ratios
    assert all(len(logs) == 4 for logs in ratios.values())
    assert {cell.target for cell in cells.values()} == set(COSTS)


def test_a_sealed_run_is_never_derived_and_an_unfinished_one_once() -> None:
    derive = Counted()
    folders = [make("a", boots=2).folder, make("b", boots=2, done=False).folder]
    first = everything(folders, derive)
    assert derive.times == 1
    assert everything(folders, derive) == first
    assert derive.times == 1


def test_a_run_that_went_on_is_read_again_and_one_that_is_gone_forgotten() -> None:
    bundle, other = make("a", boots=2, done=False), make("b", boots=2)
    before = everything([bundle.folder, other.folder])
    lines = (bundle.folder / "samples.jsonl").read_text().splitlines(keepends=True)
    (bundle.folder / "samples.jsonl").write_text("".join(lines[: len(lines) // 2]))
    shutil.rmtree(other.folder)
    after = everything([bundle.folder])
    assert set(after) == {"a"}
    assert after["a"] != before["a"]


@pytest.mark.parametrize("done", [True, False], ids=["sealed", "unfinished"])
def test_a_label_in_bytes_that_are_no_text_is_kept(done: bool) -> None:
    bundle = make("run", boots=2, header={"label": {"what": b"\xff!".decode("utf-8", "surrogateescape")}}, done=done)
    session = consult(paths.index(), summary_of, [bundle.folder], lambda index: index.session(bundle.folder))
    assert session.label == {"what": "?!"}
    assert len(everything([bundle.folder])["run"]) == len(COSTS)


def test_what_failed_or_is_withheld_has_no_ratio() -> None:
    odd: dict[str, dict[str, Any]] = {**BROKEN, "podman": {"wall": 1.0, "host_wall": 9.0}}
    cells = {cell.target: cell for cell in everything([make("run", boots=2, odd=odd).folder])["run"]}
    assert (cells["kvm"].log_ratios, cells["kvm"].verdict, cells["kvm"].value) == ((), "failed", None)
    assert (cells["podman"].log_ratios, cells["podman"].verdict) == ((), "withheld")


@pytest.mark.parametrize("name", ["run.json", "instances.jsonl", "samples.jsonl", "summary.json"])
def test_a_sealed_run_that_was_edited_is_named_and_the_others_go_on(name: str) -> None:
    bundle, other = make("edited", boots=2), make("sound", boots=2)
    edit(bundle.folder / name, "kvm", "kvN")
    assert name in trouble(bundle)
    found = everything([bundle.folder, other.folder])
    assert found["edited"] == []
    assert len(found["sound"]) == len(COSTS)


def test_an_edit_is_noticed_whose_time_was_set_back() -> None:
    bundle = make("edited", boots=2)
    samples = bundle.folder / "samples.jsonl"
    before = samples.stat()
    edit(samples, "kvm", "kvN")
    os.utime(samples, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "samples.jsonl" in trouble(bundle)


def test_a_copy_is_read_whole_since_its_times_say_nothing(tmp_path: Path) -> None:
    copied = shutil.copytree(make("run", boots=2).folder, tmp_path / "copy")
    assert seal.touched(copied, SOURCES) == set(SOURCES)
    assert len(everything([copied])["copy"]) == len(COSTS)
    edit(copied / "samples.jsonl", "kvm", "kvN")
    assert "samples.jsonl" in trouble(Bundle.open(copied))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"value": ', '"value": "', "Line 1 of"),
        ('"boot": 0', '"boot": "x"', "Line 1 of"),
        ('"better": "higher"', '"better": "sideways"', "Line 1 of"),
        ("{", "[", "Line 1 of"),
    ],
)
def test_an_edited_line_of_an_unfinished_run_is_named(old: str, new: str, said: str) -> None:
    bundle = make("run", boots=2, done=False)
    edit(bundle.folder / "samples.jsonl", old, new)
    assert said in trouble(bundle)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "0.0", "-5.0", "1e300"])
def test_a_value_that_is_no_cost_is_named_and_left_out(value: str) -> None:
    bundle = make("run", {"bare": 1.0, "kvm": 1.2}, boots=3, done=False)
    samples = bundle.folder / "samples.jsonl"
    lines = samples.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if '"target": "kvm"' in line)
    head, _, tail = lines[at].partition('"value": ')
    lines[at] = f'{head}"value": {value}, {tail.partition(", ")[2]}'
    samples.write_text("\n".join(lines) + "\n")
    (cell,) = (cell for cell in everything([bundle.folder])["run"] if cell.target == "kvm")
    assert len(cell.log_ratios) == 3
    assert any("is not a positive, finite and plausible number" in warning for warning in cell.warnings)


@pytest.mark.parametrize("value", ["NaN", "1e999", "-1e300", "null", '"x"'])
def test_a_sealed_summary_that_holds_no_ratio_is_refused(value: str) -> None:
    bundle = make("run", boots=2)
    summary = bundle.folder / "summary.json"
    first = re.search(r'"log_ratios": \[\s*([-0-9.e]+)', summary.read_text())
    assert first
    edit(summary, first[1], value)
    (bundle.folder / seal.NAME).unlink()
    seal.seal(bundle.folder)
    assert trouble(bundle).startswith("The run 'run' is no bundle of ours, or was edited")


@pytest.mark.parametrize("header", [{"workloads": 7}, {"plan": {}}, {"host": None}, {"settings": []}, {"label": 3}])
def test_a_header_of_another_form_is_named(header: Mapping[str, Any]) -> None:
    bundle = make("run", boots=2, done=False)
    text = (bundle.folder / "run.json").read_text()
    (bundle.folder / "run.json").write_text(json.dumps({**json.loads(text), **header}))
    assert trouble(bundle).startswith("The run 'run' is no bundle of ours, or was edited")


def test_a_file_that_cannot_be_read_is_named() -> None:
    bundle = make("run", boots=2, done=False)
    (bundle.folder / "samples.jsonl").rename(bundle.folder / "elsewhere")
    (bundle.folder / "samples.jsonl").mkdir()
    assert trouble(bundle).startswith("The run 'run' is no bundle of ours, or was edited: IsADirectoryError")


def test_sessions_come_oldest_first_whatever_they_are_called() -> None:
    folders = [make(name, boots=1, created=when).folder for name, when in (("a", 3.0), ("b", 1.0), ("c", 2.0))]
    found = consult(paths.index(), summary_of, folders, Index.sessions)
    assert [session.ident for session in found] == ["b", "c", "a"]


def test_a_torn_last_line_is_no_damage() -> None:
    bundle = make("run", boots=2, done=False)
    with (bundle.folder / "samples.jsonl").open("a") as file:
        file.write('{"workload": "cpu.pri')
    assert len(everything([bundle.folder])["run"]) == len(COSTS)


@contextmanager
def database_at(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        yield database


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)


def another_schema(path: Path) -> None:
    with database_at(path) as database:
        database.execute("DROP TABLE cell")
        database.execute("CREATE TABLE cell (something TEXT)")
        database.execute("PRAGMA user_version = 99")


def no_tables(path: Path) -> None:
    with database_at(path) as database:
        database.execute("DROP TABLE cell")


def no_json(path: Path) -> None:
    with database_at(path) as database:
        database.execute("UPDATE cell SET body = 'x'")


@pytest.mark.parametrize("damage", [garbage, emptied, truncated, overwritten, another_schema, no_tables, no_json])
def test_a_damaged_index_is_made_anew(damage: Any) -> None:
    folders = [make("a", boots=2).folder, make("b", boots=2, done=False).folder]
    before = everything(folders)
    for name in ("-wal", "-shm"):
        Path(f"{paths.index()}{name}").unlink(missing_ok=True)
    damage(paths.index())
    assert everything(folders) == before
    with database_at(paths.index()) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_where_no_index_can_be_written_everything_is_read_each_time(tmp_path: Path) -> None:
    bundle = make("run", boots=2, done=False)
    (tmp_path / "file").write_text("no folder")
    derive = Counted()
    for times in (1, 2):
        cells = consult(
            tmp_path / "file" / "index.sqlite",
            derive,
            [bundle.folder],
            lambda index: list(index.cells(workload=WORKLOAD)),
        )
        assert len(cells) == len(COSTS)
        assert derive.times == times


SCRIPT = """
import sys
from pathlib import Path
from vbench import paths
from vbench.reports.finish import summary_of
from vbench.store.index import consult
folders = sorted(path.parent for path in paths.runs().glob("*/run.json"))
def ask(index):
    return sorted((folder, repr(cell)) for folder, cell in index.cells(workload="cpu.primes"))
print("ready", flush=True)
print(hash(tuple(consult(paths.index(), summary_of, folders, ask))))
"""


def started() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    argv = [sys.executable, "-c", textwrap.dedent(SCRIPT)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment)


def test_several_processes_at_once_agree() -> None:
    for number in range(8):
        make(f"run-{number}", boots=2, seed=number, done=number % 2 == 0)
    processes = [started() for _ in range(5)]
    said = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 5
    assert len(said) == 1
    with database_at(paths.index()) as database:
        assert database.execute("SELECT count(*) FROM session").fetchone() == (8,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_process_killed_while_it_indexes_leaves_an_index_that_works() -> None:
    folders = [make(f"run-{number}", boots=6, seed=number, done=False).folder for number in range(12)]
    process = started()
    assert process.stdout is not None
    process.stdout.readline()
    while not paths.index().exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    derive = Counted()
    assert len(everything(folders, derive)) == 12
    assert everything(folders, derive) == everything(folders, summary_of)
    assert derive.times <= 12


def test_a_run_resumed_after_its_seal_counts_as_unfinished_until_sealed_again() -> None:
    bundle = make("run", boots=3)
    text = (bundle.folder / "samples.jsonl").read_text()
    with (bundle.folder / "samples.jsonl").open("a") as file:
        file.write(text.splitlines()[0] + "\n")
    derive = Counted()
    everything([bundle.folder], derive)
    assert derive.times == 1
    bundle.write_summary(summary_of(bundle))
    seal.seal(bundle.folder)
    everything([bundle.folder], derive)
    assert derive.times == 1
