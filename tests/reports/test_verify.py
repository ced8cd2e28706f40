"""A run under test: clean, changed in one byte anywhere, and forged with a seal of its own."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reports.runs import BROKEN, edit, make, shipped
from vbench.errors import InputError, VbenchError
from vbench.reports.finish import finish
from vbench.reports.verify import Report, as_document, check
from vbench.store import seal
from vbench.store.bundle import Bundle

pytestmark = pytest.mark.usefixtures("xdg")
FILES = [
    "run.json",
    "instances.jsonl",
    "samples.jsonl",
    "summary.json",
    "raw/000003-0.json",
    "workloads/cpu.primes/cpu/primes.toml",
    "snapshots/bare/before/proc/cpuinfo",
]


@pytest.fixture
def bundle() -> Bundle:
    return make("run", boots=3)


def checked(bundle: Bundle) -> Report:
    """Return the report of the bundle as it is on disk now."""
    return check(Bundle.open(bundle.folder))


def said(bundle: Bundle) -> tuple[str, ...]:
    """Return the findings, or why a run whose run.json cannot be read is none."""
    try:
        return checked(bundle).findings
    except VbenchError as error:
        return (error.message,)


def resealed(bundle: Bundle) -> None:
    """Seal a bundle anew, as somebody would who wants a change to go unseen."""
    (bundle.folder / seal.NAME).unlink()
    seal.seal(bundle.folder)


def test_a_run_is_verified(bundle: Bundle) -> None:
    report = checked(bundle)
    assert report.findings == ()
    assert (report.verified, report.raw, report.samples) == (True, 24, 24)
    assert report.seal is not None
    assert report.seal in report.conclusion
    assert as_document(report)["verified"] is True


def test_a_run_that_was_moved_is_still_verified(bundle: Bundle, tmp_path: Path) -> None:
    moved = shutil.copytree(bundle.folder, tmp_path / bundle.ident)
    assert check(Bundle.open(moved)).verified


def test_failures_are_derived_again_too() -> None:
    assert checked(make("run", boots=2, odd=BROKEN)).verified


@pytest.mark.parametrize("name", [*FILES, seal.NAME])
def test_a_changed_byte_anywhere_is_found_and_its_file_named(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    content = path.read_bytes()
    steps = max(1, len(content) // 7)
    for at in sorted({*range(0, len(content), steps), len(content) - 1}):
        for change in (1, 0x20):
            path.write_bytes(content[:at] + bytes([content[at] ^ change]) + content[at + 1 :])
            found = said(bundle)
            assert any(name in line for line in found) or (found and name == seal.NAME), at
    path.write_bytes(content)
    assert checked(bundle).verified


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).unlink()
    if name == "run.json":
        with pytest.raises(InputError, match=r"run\.json"):
            checked(bundle)
    else:
        assert any(finding.startswith(f"{name}: it was sealed and is gone") for finding in checked(bundle).findings)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_short_is_named(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    path.write_bytes(path.read_bytes()[:-7])
    if name == "run.json":
        with pytest.raises(InputError, match=r"run\.json"):
            checked(bundle)
    else:
        assert any(finding.startswith(name) for finding in checked(bundle).findings)


def test_a_file_that_was_added_is_named(bundle: Bundle) -> None:
    (bundle.folder / "raw" / "note.txt").write_text("hello")
    assert checked(bundle).findings == ("raw/note.txt: it was not there when the run was sealed",)


def test_a_link_in_place_of_a_file_is_a_change(bundle: Bundle, tmp_path: Path) -> None:
    raw = bundle.folder / "raw/000003-0.json"
    raw.rename(tmp_path / "elsewhere")
    raw.symlink_to(tmp_path / "elsewhere")
    assert "raw/000003-0.json: its bytes are not those that were sealed" in checked(bundle).findings


@pytest.mark.parametrize(
    ("old", "new"), [("\n  ", "\n   "), ('"files"', '"filed"'), ("vbench.digests/1", "x"), ("{", "[{")]
)
def test_a_damaged_seal_is_named(bundle: Bundle, old: str, new: str) -> None:
    edit(bundle.folder / seal.NAME, old, new)
    assert any(seal.NAME in finding for finding in checked(bundle).findings)


def test_a_run_without_a_seal_is_not_verified(bundle: Bundle) -> None:
    (bundle.folder / seal.NAME).unlink()
    (finding,) = checked(bundle).findings
    assert finding.startswith("digests.json: it is missing; the run was not finished")


def forged_sample(bundle: Bundle) -> str:
    path = bundle.folder / "samples.jsonl"
    value = json.loads(path.read_text().splitlines()[0])["value"]
    edit(path, f'"value": {value}', f'"value": {value * 0.9}')
    return "samples.jsonl: cpu.primes rate on"


def forged_raw(bundle: Bundle) -> str:
    edit(bundle.folder / "raw/000000-0.json", "events per second: ", "events per second: 9")
    return "samples.jsonl: cpu.primes rate on"


def forged_clock(bundle: Bundle) -> str:
    edit(bundle.folder / "raw/000000-0.json", '"host_wall": 1.001', '"host_wall": 3.5')
    return "samples.jsonl: cpu.primes rate on"


def forged_ratio(bundle: Bundle) -> str:
    path = bundle.folder / "summary.json"
    row = next(row for row in json.loads(path.read_text())["rows"] if row["target"] == "kvm")
    edit(path, f'"ratio": {row["ratio"]}', '"ratio": 1.0')
    return "summary.json rows["


def forged_definition(bundle: Bundle) -> str:
    edit(bundle.folder / "workloads/cpu.primes/cpu/primes.toml", "--cpu-max-prime=10000", "--cpu-max-prime=1000")
    return "workloads/cpu.primes: it is not the definition that run.json names"


def swapped_raws(bundle: Bundle) -> str:
    first, second = (bundle.folder / f"raw/00000{number}-0.json" for number in (0, 1))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    return "raw/000000-0.json: it is damaged: it is not of the step that the plan has"


def another_step(bundle: Bundle) -> str:
    raw = bundle.folder / "raw/000000-0.json"
    padding = json.loads(raw.read_text())["step"]["padding"]
    edit(raw, f'"padding": {padding}', f'"padding": {padding + 1}')
    return "raw/000000-0.json: it is damaged: it is not of the step that the plan has"


def invented_sample(bundle: Bundle) -> str:
    path = bundle.folder / "samples.jsonl"
    line = json.loads(path.read_text().splitlines()[0]) | {"raw": "", "iteration": 7}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    return "samples.jsonl: a value without a raw output: cpu.primes rate on"


def doubled_sample(bundle: Bundle) -> str:
    path = bundle.folder / "samples.jsonl"
    with path.open("a") as file:
        file.write(path.read_text().splitlines()[0] + "\n")
    return "samples.jsonl: 2 samples of 'raw/000000-0.json', which gives 1"


def lost_raw(bundle: Bundle) -> str:
    (bundle.folder / "raw/000002-0.json").unlink()
    return "raw/000002-0.json: it is missing, and samples.jsonl has 1 samples of it"


def lost_sample(bundle: Bundle) -> str:
    path = bundle.folder / "samples.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    return "samples.jsonl: 0 samples of 'raw/000000-0.json', which gives 1"


FORGERIES: list[Callable[[Bundle], str]] = [
    forged_sample, forged_raw, forged_clock, forged_ratio, forged_definition, swapped_raws, another_step,
    invented_sample, doubled_sample, lost_raw, lost_sample,
]  # fmt: skip


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_number_that_does_not_follow_is_found_though_the_seal_fits(
    bundle: Bundle, forge: Callable[[Bundle], str]
) -> None:
    said = forge(bundle)
    resealed(bundle)
    report = checked(bundle)
    assert any(finding.startswith(said) for finding in report.findings), report.findings
    assert not report.verified


def test_the_run_s_own_definition_counts_and_not_the_installed_one() -> None:
    ours = shipped()
    old = replace(ours, text=ours.text.replace("--cpu-max-prime=10000", "--cpu-max-prime=500"))
    assert checked(make("run", boots=2, workload=old)).verified


def test_an_edited_run_is_not_sealed_anew(bundle: Bundle) -> None:
    edit(bundle.folder / "raw/000000-0.json", "events per second: ", "events per second: 9")
    with pytest.raises(InputError, match=r"changed after it was sealed: raw/000000-0\.json"):
        seal.seal(bundle.folder)


def test_a_run_that_went_on_says_so_until_it_is_finished_again(bundle: Bundle) -> None:
    line = '{"instance": "kvm-y", "target": "kvm", "boot": 3, "accelerator": null, "restored": false, "warnings": []}'
    with (bundle.folder / "instances.jsonl").open("a") as file:
        file.write(f"{line}\n")
    assert any("went on after it was sealed" in finding for finding in checked(bundle).findings)
    finish(Bundle.open(bundle.folder))
    assert checked(bundle).verified


def test_what_a_hostile_name_says_steers_no_terminal(bundle: Bundle) -> None:
    (bundle.folder / "raw" / "\x1b[2J.txt").write_text("")
    assert checked(bundle).findings == ("raw/?[2J.txt: it was not there when the run was sealed",)
