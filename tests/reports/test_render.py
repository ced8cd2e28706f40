"""The four formats. Golden outputs in golden/ were read by a person before they were kept."""

import csv
import io
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.reports.tables import NASTY, everything, printed
from vbench.errors import InputError
from vbench.model import Cell
from vbench.reports.clean import spreadsheet
from vbench.reports.render import FORMATS, render
from vbench.reports.table import Table, label, tabulate

GOLDEN = Path(__file__).parent / "golden"
KEYS = [field.name for field in fields(Cell)]


def written(form: str) -> str:
    return printed(everything()) if form == "table" else str(render(everything(), form))


@pytest.mark.parametrize("form", FORMATS)
def test_the_format_is_as_it_was_approved(form: str) -> None:
    assert written(form) == (GOLDEN / f"everything.{form}").read_text()


@pytest.mark.parametrize(
    ("accelerator", "said"),
    [(None, ""), ("kvm", ""), ("kvm/kvm", ""), ("tcg/kvm", " (tcg/kvm)"), ("ptrace", " (ptrace)")],
)
def test_a_target_is_told_with_what_ran_it_unless_that_was_kvm_alone(accelerator: str | None, said: str) -> None:
    cell = everything().cells[0]
    assert label(replace(cell, accelerator=accelerator)) == f"{cell.target}{said}"


def test_json_has_the_keys_of_the_design_and_nulls_for_what_is_missing() -> None:
    document = json.loads(written("json"))
    assert list(document) == ["schema", "run", "margin", "baseline", "rows"]
    assert document["schema"] == "vbench.table/1"
    assert " ".join(KEYS) == (
        "workload metric unit better target accelerator boots value ratio low high confidence mde verdict comparable "
        "differences warnings"
    )
    rows = {(row["metric"], row["target"]): row for row in document["rows"]}
    assert all(list(row) == KEYS for row in rows.values())
    failed = rows["rate", "kvm/kvm"]
    assert (failed["value"], failed["ratio"], failed["low"], failed["mde"]) == (None, None, None, None)
    assert rows["rate", "kvm"]["differences"][0] == {"fact": "kernel.release", "bare": "6.1.0-30", "target": "6.12.9"}
    assert rows["latency_p99", "kvm"]["comparable"] is False


def test_json_refuses_what_is_no_number() -> None:
    table = everything()
    cell = replace(table.cells[0], value=float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        render(replace(table, cells=(cell,)), "json")


def test_csv_reads_back_with_empty_fields_and_no_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv"))))
    assert list(rows[0]) == ["run", "margin", *KEYS, "baseline"]
    assert {(row["run"], row["margin"]) for row in rows} == {("20261120-a1b2", "0.03")}
    assert [row["value"] for row in rows if row["verdict"] in {"failed", "missing"}] == [""] * 4
    assert not any(field.startswith(("=", "+", "-", "@")) for row in rows for field in row.values())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1"])
def test_spreadsheets_see_no_formula(text: str) -> None:
    assert spreadsheet(text).startswith("'")


def test_markdown_keeps_its_columns_whatever_the_names() -> None:
    lines = [line for line in written("md").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {8}
    assert "<b>" not in written("md")


@pytest.mark.parametrize("form", ["table", "md", "csv"])
def test_nothing_steers_the_terminal(form: str) -> None:
    assert "\x1b" in NASTY
    assert "\x1b" not in written(form)


def test_markup_in_names_is_text() -> None:
    text = "".join(printed(everything(), width=200).split())
    assert "!A1[red]<b" in text
    assert "[bold]panic[/bold]" in text


@pytest.mark.parametrize("form", ["table", "md"])
def test_every_gap_has_its_reason_below(form: str) -> None:
    text = " ".join(written(form).replace("\\", "").split())
    for reason in (
        "1 of 1 iterations failed: The guest said nothing for 60 s",
        "the value 0.0 is not a positive, finite and plausible number",
        "no sample was taken",
        "O_DIRECT never reached the device",
        "'docker' was left out",
        "Conditional on one host boot",
        "nothing of what KVM costs",
        "The noise floor is",
        "kernel.release is 6.12.9, on bare 6.1.0-30",
    ):
        assert reason in text


def test_the_table_fits_eighty_columns_and_colours_only_verdicts() -> None:
    assert max(map(len, printed(everything()).splitlines())) <= 80
    coloured = printed(everything(), color=True)
    assert set(re.findall(r"\x1b\[3[0-7]m(\w+)", coloured)) == {"slower", "failed", "missing", "withheld"}


def test_a_session_whose_control_differs_says_so() -> None:
    table = everything()
    control = next(cell for cell in table.cells if cell.target == "bare2" and cell.low is not None)
    shifted = replace(control, ratio=1.2, low=1.1, high=1.3)
    cells = tuple(shifted if cell is control else cell for cell in table.cells)
    text = " ".join(printed(replace(table, cells=cells)).split())
    assert "Do not trust this session: bare2 differs from bare in 1 of 1 metrics" in text
    assert "chance alone gives 0.05: cpu.primes rate" in text


def test_an_empty_run_says_so_in_every_format() -> None:
    empty = tabulate("r1", [])
    assert "nothing to show" in printed(empty)
    assert "nothing to show" in str(render(empty, "md"))
    assert json.loads(str(render(empty, "json")))["rows"] == []
    assert str(render(empty, "csv")).strip() == ",".join(["run", "margin", *KEYS, "baseline"])


def test_a_host_that_restarted_is_not_called_one_boot() -> None:
    table: Table = replace(everything(), host_boots=2)
    assert "host boot" not in printed(table)


def test_an_unknown_format_is_the_users_error() -> None:
    with pytest.raises(InputError, match="'jsom'") as caught:
        render(everything(), "jsom")
    assert caught.value.remedy == "Did you mean 'json'?"
