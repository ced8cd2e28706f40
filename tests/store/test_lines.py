"""Samples and definitions come back as they were written, and nothing else passes for one."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reports.runs import shipped
from vbench.errors import InputError
from vbench.model import Failure, Sample
from vbench.store import definitions, lines

SAMPLE = Sample("cpu.primes", "rate", "1/s", "higher", "kvm", "kvm-1", 0, 1, 2, 3.5)
TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too: undecodable bytes of a target become some


def written(path: Path, *content: str) -> list[Sample]:
    path.write_text("".join(content))
    return list(lines.read(path, Sample))


@given(
    value=st.floats() | st.none(), target=TEXT, raw=TEXT, warnings=st.lists(TEXT, max_size=3), why=st.none() | TEXT,
    boot=st.integers(0, 2**40), warmup=st.booleans(),
)  # fmt: skip
def test_every_sample_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, value: float | None, target: str, raw: str, warnings: list[str],
    why: str | None, boot: int, warmup: bool,
) -> None:  # fmt: skip
    failure = None if why is None else Failure("job", why)
    sample = replace(SAMPLE, value=value, target=target, raw=raw, boot=boot, warmup=warmup, failure=failure)
    sample = replace(sample, warnings=tuple(warnings))
    (found,) = written(tmp_path_factory.mktemp("lines") / "samples.jsonl", json.dumps(asdict(sample)) + "\n")
    if value is not None and math.isnan(value):
        assert found.value is not None
        assert math.isnan(found.value)
        found, sample = replace(found, value=0.0), replace(sample, value=0.0)
    assert found == sample


@pytest.mark.parametrize(
    "edit",
    [{"value": "3.5"}, {"value": True}, {"boot": 1.5}, {"better": "more"}, {"warnings": "x"}, {"target": None},
     {"failure": {"blame": "nobody", "message": ""}}, {"failure": "x"}],
)  # fmt: skip
def test_a_line_of_another_form_is_named_by_its_number(tmp_path: Path, edit: dict[str, object]) -> None:
    good = json.dumps(asdict(SAMPLE)) + "\n"
    with pytest.raises(InputError, match=r"Line 2 of '.*samples\.jsonl' is damaged: Expected|Invalid"):
        written(tmp_path / "samples.jsonl", good, json.dumps({**asdict(SAMPLE), **edit}) + "\n", good)


@pytest.mark.parametrize("junk", ["", "x", "{", "[]", "{}", "null", "\0", "[" * 100_000, '{"value": 1' + "0" * 5000])
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, junk: str) -> None:
    with pytest.raises(InputError, match=r"Line 1 of '.*' is damaged"):
        written(tmp_path / "samples.jsonl", junk + "\n")


def test_a_torn_last_line_is_left_out_and_no_file_has_no_lines(tmp_path: Path) -> None:
    good = json.dumps(asdict(SAMPLE)) + "\n"
    assert written(tmp_path / "samples.jsonl", good, good[:40]) == [SAMPLE]
    assert list(lines.read(tmp_path / "none.jsonl", Sample)) == []


def test_workloads_come_back_with_the_same_digest(tmp_path: Path) -> None:
    ours = [shipped("cpu.primes"), shipped("disk.randread")]
    assert ours[1].contents
    definitions.keep(tmp_path, ours)
    found = definitions.kept(tmp_path)
    assert {name: workload.digest for name, workload in found.items()} == {w.name: w.digest for w in ours}


def test_a_definition_that_leads_out_of_the_bundle_is_refused(tmp_path: Path) -> None:
    definitions.keep(tmp_path, [shipped("disk.randread")])
    beside = tmp_path / "workloads/disk.randread/disk/randread.fio"
    beside.unlink()
    beside.symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="is not in the same folder"):
        definitions.kept(tmp_path)
