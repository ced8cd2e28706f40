"""A run on disk: found by many names, appended to by one, mended after a crash, refused when it was edited."""

import json
import os
import re
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

import pytest

from vbench import paths
from vbench.errors import HostError, InputError, StoreError
from vbench.model import Failure, Sample
from vbench.store.bundle import SCHEMA, Bundle, Recorder, find, new_id, slug

METRICS = {"cpu.primes": 1, "disk.randread": 2}
IDS = ("20260101-000000-aaaa", "20260101-000000-abbb", "20260102-000000-cccc")


def sample(iteration: int, metric: str = "rate", workload: str = "cpu.primes", value: float | None = 1.5) -> Sample:
    return Sample(
        workload=workload,
        metric=metric,
        unit="1/s",
        better="higher",
        target="kvm/kvm",
        instance="kvm-1",
        boot=0,
        block=0,
        iteration=iteration,
        value=value,
        failure=None if value is not None else Failure("job", "It said \udcff."),
        warnings=("clock",),
    )


def disk(iteration: int) -> list[Sample]:
    """The samples of one iteration of a workload with two metrics."""
    return [sample(iteration, metric, "disk.randread") for metric in ("iops", "latency_p50")]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle.create({"seed": 7}, tmp_path / "run")


def record(bundle: Bundle, *iterations: Iterable[Sample]) -> Path:
    with Recorder(bundle) as recorder:
        for samples in iterations:
            recorder.samples(samples)
    return bundle.folder / "samples.jsonl"


def trimmed(bundle: Bundle) -> list[tuple[str, int]]:
    with Recorder(bundle) as recorder:
        recorder.trim(METRICS)
        recorder.samples([sample(99)])
    return [(s.metric, s.iteration) for s in bundle.samples()]


def test_samples_come_back_as_they_were(bundle: Bundle) -> None:
    samples = [sample(0), sample(1, value=None), *disk(2)]
    record(bundle, samples[:1], samples[1:2], samples[2:])
    assert list(bundle.samples()) == samples
    assert list(Bundle.open(bundle.folder).samples()) == samples
    assert bundle.header["schema"] == SCHEMA
    assert bundle.header["seed"] == 7


def test_every_sample_is_on_disk_before_the_next_comes(bundle: Bundle) -> None:
    with Recorder(bundle) as recorder:
        for iteration in range(3):
            recorder.samples([sample(iteration)])
            assert [s.iteration for s in bundle.samples()] == list(range(iteration + 1))


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_torn_last_line_is_no_sample_and_makes_way_for_the_next(bundle: Bundle, cut: int) -> None:
    path = record(bundle, [sample(0)], [sample(1)])
    path.write_bytes(path.read_bytes()[:-cut])
    assert [s.iteration for s in bundle.samples()] in ([0], [0, 1])
    with Recorder(bundle) as recorder:
        recorder.samples([sample(2)])
    assert [s.iteration for s in bundle.samples()] == [0, 2]


@pytest.mark.parametrize("kept", [0, 5, 600])
def test_half_an_iteration_is_cut_off_before_a_run_goes_on(bundle: Bundle, kept: int) -> None:
    """Otherwise it would count as done and lack a metric for ever, or be done again and be there twice."""
    path = record(bundle, disk(0), disk(1), [sample(2)], disk(3))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][: min(kept, len(lines[-1]) - 1)])
    expected = [("iops", 0), ("latency_p50", 0), ("iops", 1), ("latency_p50", 1), ("rate", 2), ("rate", 99)]
    assert trimmed(bundle) == expected


def test_whole_iterations_stay(bundle: Bundle) -> None:
    assert trimmed(bundle) == [("rate", 99)]
    record(bundle, disk(0))
    assert trimmed(bundle) == [("rate", 99), ("iops", 0), ("latency_p50", 0), ("rate", 99)]


@pytest.mark.parametrize("edit", ["garbage", "{}", "[]", '{"workload": 7}', "\0\0\0", "[" * 100_000])
def test_a_damaged_line_is_named(bundle: Bundle, edit: str) -> None:
    path = record(bundle, [sample(0)], [sample(1)], [sample(2)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], edit, lines[2]]) + "\n")
    with pytest.raises(InputError, match=rf"Line 2 of '{re.escape(str(path))}' is damaged") as caught:
        list(bundle.samples())
    assert caught.value.remedy


def test_a_second_writer_is_refused_and_touches_nothing(bundle: Bundle) -> None:
    with Recorder(bundle) as recorder:
        recorder.samples([sample(0)])
        path = bundle.folder / "samples.jsonl"
        with path.open("ab") as half:
            half.write(b'{"workload": "cpu.pri')  # what the first writer is just writing
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"The run 'run' is still being executed\."):
            Recorder(bundle).__enter__()
        assert path.read_bytes() == before
    with Recorder(bundle):
        pass


def test_raw_outputs_are_files_of_their_own(bundle: Bundle) -> None:
    with Recorder(bundle) as recorder:
        name = recorder.raw(12, 3, {"stdout": "\udcff\x1b[2J"})
    assert name == "raw/000012-3.json"
    assert json.loads((bundle.folder / name).read_text()) == {"stdout": "\udcff\x1b[2J"}


def test_a_snapshot_is_there_whole_or_not_at_all_and_the_first_is_kept(bundle: Bundle) -> None:
    with Recorder(bundle) as recorder:
        with recorder.snapshot("kvm/kvm", "before") as folder:
            assert folder is not None
            folder.mkdir(parents=True)
            (folder / "torn").write_text("")  # and here the run is killed
            os.rename(folder, folder.with_name("kept"))  # noqa: PTH104 - so that leaving finds nothing to rename
            folder.with_name("kept").rename(folder)
            (folder / "whole").write_text("")
        with recorder.snapshot("kvm/kvm", "before") as again:
            assert again is None
    whole = bundle.snapshot_folder("kvm/kvm", "before")
    assert sorted(path.name for path in whole.iterdir()) == ["torn", "whole"]
    assert whole.parent.name == slug("kvm/kvm") == "kvm+kvm"


def test_a_snapshot_that_failed_leaves_none(bundle: Bundle) -> None:
    def fail(recorder: Recorder) -> None:
        with recorder.snapshot("kvm", "before") as folder:
            assert folder is not None
            folder.mkdir(parents=True)
            raise HostError("The disk is full.")

    with Recorder(bundle) as recorder:
        with pytest.raises(StoreError, match=r"The run 'run' cannot be written: The disk is full\."):
            fail(recorder)
        assert not bundle.snapshot_folder("kvm", "before").exists()
        with recorder.snapshot("kvm", "before") as folder:
            assert folder is not None
            assert not folder.exists()
            folder.mkdir()


def test_a_disk_that_is_full_is_one_sentence_and_keeps_what_it_has(bundle: Bundle) -> None:
    record(bundle, [sample(0)])
    with Recorder(bundle) as recorder, FileIO("/dev/full", "w") as full:
        recorder._instances = full
        with pytest.raises(StoreError, match=r"The run 'run' cannot be written: No space left on device\.") as caught:
            recorder.instance({"instance": "kvm-1"})
        assert "--resume run" in caught.value.remedy
        recorder.samples([sample(1)])
    assert [s.iteration for s in bundle.samples()] == [0, 1]


@pytest.fixture
def runs(xdg: Path) -> list[str]:
    assert xdg in paths.runs().parents
    for ident in IDS:
        Bundle.create({}, paths.runs() / ident)
    (paths.runs() / "20260103-000000-dddd").mkdir()  # killed before its run.json
    return list(IDS)


@pytest.mark.parametrize(
    ("name", "found"),
    [(IDS[0], 0), ("20260102", 2), ("20260101-000000-ab", 1), ("@latest", 2), ("@latest~0", 2), ("@latest~2", 0)],
)
def test_a_run_is_found_by_its_names(runs: list[str], name: str, found: int) -> None:
    assert find(name).ident == runs[found]


def test_a_run_is_found_by_its_path(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(f"{paths.runs()}/{runs[1]}").ident == runs[1]
    monkeypatch.chdir(paths.runs())
    assert find(f"./{runs[1]}").ident == runs[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2026", "'2026' begins 3 runs."),
        ("20260101", "'20260101' begins 2 runs."),
        ("1999", "There is no run '1999'."),
        ("@latest~3", "'@latest~3' goes back too far: there are 3 runs."),
        ("@latest~x", "'@latest~x' names no run."),
        ("@latest~-1", "'@latest~-1' names no run."),
        ("@newest", "'@newest' names no run."),
        ("/no/such/folder", "'/no/such/folder' is no run bundle: its run.json cannot be read."),
        ("../runs", "'../runs' is no run bundle: its run.json cannot be read."),
    ],
)
def test_a_name_that_is_no_runs_is_explained(runs: list[str], name: str, said: str) -> None:
    assert runs
    with pytest.raises(InputError) as caught:
        find(name)
    assert caught.value.message == said


def test_before_the_first_run_every_name_says_how_to_make_one(xdg: Path) -> None:
    assert xdg
    with pytest.raises(InputError, match="none was made yet") as caught:
        find("@latest")
    assert "vbench run" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "garbage", "[]", "7", "{}", '{"schema": "vbench.run/2"}', '{"schema": [1]}'])
def test_a_bundle_of_another_schema_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"no run bundle|has the schema .* not 'vbench.run/1'"):
        Bundle.open(tmp_path)


def test_a_bundle_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made: Not a directory\."):
        Bundle.create({}, tmp_path / "file" / "run")


def test_ids_sort_by_time_and_differ() -> None:
    ids = {new_id() for _ in range(50)}
    assert len(ids) > 40
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", ident) for ident in ids)
