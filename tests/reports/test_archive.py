"""A run's archive: all that a paper deposits, found intact on another machine, and every change of it found."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.reports import runs

Members = dict[str, bytes]


@pytest.fixture
def archived(xdg: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive of a run, on a machine that has no run."""
    runs.make("r1", boots=3)
    file = tmp_path / "r1.tar.gz"
    licence = "https://spdx.org/licenses/CC-BY-4.0"
    assert call(capsys, "report", "r1", "--archive", str(file), "--license", licence).out == f"{file}\n"
    monkeypatch.setenv("XDG_DATA_HOME", str(xdg / "elsewhere"))
    return file


def members(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return {one.name: found.read() for one in tar if (found := tar.extractfile(one))}


def rewrite(file: Path, found: Members) -> None:
    with tarfile.open(file, "w:gz") as tar:
        for name, content in found.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_it_holds_the_run_the_report_and_what_they_came_of(archived: Path) -> None:
    found = members(archived)
    assert {name.partition("/")[0] for name in found} == {
        *("run", "report", "environment.json", "commands.txt", "manifest-sha256.txt", "ro-crate-metadata.json")
    }
    assert (
        found["commands.txt"].decode().startswith("vbench run --target bare,bare2,kvm,podman --profile test --seed 1")
    )
    described = json.loads(found["ro-crate-metadata.json"])
    entities = {one["@id"]: one for one in described["@graph"]}
    root = entities["./"]
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert all(entities[part["@id"]]["@type"] == "File" for part in root["hasPart"])
    assert {part["@id"] for part in root["hasPart"]} == set(found) - {"manifest-sha256.txt", "ro-crate-metadata.json"}


def test_it_is_verified_where_the_run_is_not(archived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "verify", str(archived))
    assert said.code == 0, said.out
    assert "is verified" in said.out


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("report/table.csv", b"kvm", b"kvn", "report/table.csv: its bytes are not those of the manifest"),
        ("run/r1/samples.jsonl", b'"value":', b'"value": 1', "samples.jsonl"),
        ("report/index.html", b'"ratio": 1.', b'"ratio": 2.', "index.html"),
        ("commands.txt", None, None, "commands.txt: it is missing"),
        ("more.txt", None, b"more", "more.txt: the manifest does not name it"),
    ],
)
def test_a_change_is_found(
    archived: Path, name: str, old: bytes | None, new: bytes | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = members(archived)
    if new is None:
        del found[name]
    else:
        found[name] = found[name].replace(old, new, 1) if old else new
    rewrite(archived, found)
    said = call(capsys, "verify", str(archived))
    assert said.code == 1
    assert told in said.out


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside"])  # noqa: S108 - a path that must not be written to
def test_a_member_that_leads_outside_is_refused(archived: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(archived, {name: b"x", **members(archived)})
    assert call(capsys, "verify", str(archived)).code in (1, 2)
    assert not (archived.parent / "outside").exists()
    assert not Path("/tmp/outside").exists()  # noqa: S108


def test_a_link_or_a_file_that_is_cut_off_is_refused(archived: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = archived.read_bytes()
    archived.write_bytes(whole[: len(whole) // 2])
    said = call(capsys, "verify", str(archived))
    assert (said.code, said.err.count("\n")) == (2, 1)
    with tarfile.open(archived, "w:gz") as tar:
        link = tarfile.TarInfo("run/r1/run.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert call(capsys, "verify", str(archived)).code == 2
    archived.write_bytes(gzip.compress(b"no tar"))
    assert call(capsys, "verify", str(archived)).code == 2


def test_an_archive_is_of_one_run_and_has_a_name_that_says_so(xdg: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("r1", "r2"):
        runs.make(name, boots=1)
    assert call(capsys, "report", "r1", "r2", "--archive", str(xdg / "a.tar.gz")).code == 2
    said = call(capsys, "report", "r1", "--archive", str(xdg / "a.zip"))
    assert (said.code, said.err) == (
        2,
        f"vbench: '{xdg / 'a.zip'}' is no name for an archive. End it in .tar.gz or .tgz.\n",
    )
