"""The figures' specifications: the numbers of the table, what was emulated set apart, and nothing where nothing is."""

import json
from typing import Any

import pytest

from vbench.model import Cell
from vbench.reports.figures import FIGURES, draw
from vbench.reports.figures.frame import EMULATED, REAL
from vbench.reports.table import Table

DRAW = {figure.name: figure.draw for figure in FIGURES}
MARKUP = "</script><b>"


def cell(workload: str, metric: str, target: str, value: float, ratio: float | None = None, tcg: bool = False) -> Cell:
    low, high = (None, None) if ratio is None else (ratio * 0.9, ratio * 1.1)
    return Cell(
        workload=workload,
        metric=metric,
        unit="s",
        better="lower",
        target=target,
        accelerator="tcg" if tcg else None,
        boots=5,
        value=value,
        ratio=ratio,
        low=low,
        high=high,
        confidence=0.95,
        mde=None,
        verdict="slower" if ratio else "failed",
        comparable=True,
    )


def table(*cells: Cell) -> Table:
    return Table("r", cells)


def values(spec: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the rows of a specification that are of targets."""
    assert spec is not None
    return next(rows for rows in spec["datasets"].values() if "target" in rows[0])


COSTS = table(
    cell("cpu.primes", "rate", "bare", 1.0),
    cell("cpu.primes", "rate", "bare2", 1.0, 1.01),
    cell("cpu.primes", "rate", "podman", 1.0, 1.02),
    cell("cpu.primes", "rate", MARKUP, 1.0, 7.0, tcg=True),
    cell("cpu.primes", "rate", "lost", 1.0),
)


def test_dots_have_the_tables_numbers_and_set_apart_what_was_emulated() -> None:
    rows = {row["target"]: row for row in values(DRAW["overhead"](COSTS))}
    assert set(rows) == {"podman", f"{MARKUP} (tcg)"}, "neither the baseline nor its control nor what has no ratio"
    assert (rows["podman"]["ratio"], rows["podman"]["low"]) == (1.02, pytest.approx(0.918))
    assert (rows["podman"]["kind"], rows[f"{MARKUP} (tcg)"]["kind"]) == (REAL, EMULATED)


def test_the_control_has_a_figure_of_its_own() -> None:
    assert [row["target"] for row in values(DRAW["control"](COSTS))] == ["bare2"]


def test_a_working_sets_sizes_become_bytes() -> None:
    sizes = {"latency_16k": 1e-9, "latency_1m": 5e-9, "latency_128m": 9e-8}
    found = table(*(cell("memory.latency", name, "bare", value) for name, value in sizes.items()))
    assert [(row["x"], row["y"]) for row in values(DRAW["working-set"](found))] == [
        (16 * 2**10, 1e-9),
        (2**20, 5e-9),
        (128 * 2**20, 9e-8),
    ]


def test_percentiles_are_of_what_has_more_than_the_median() -> None:
    names = ("latency_p50", "latency_p99", "latency_p999")
    found = table(
        *(cell("disk.randread", name, "bare", 1e-4) for name in names), cell("a.b", "latency_p50", "bare", 1.0)
    )
    assert [(row["workload"], row["x"]) for row in values(DRAW["percentiles"](found))] == [
        ("disk.randread", "50"),
        ("disk.randread", "99"),
        ("disk.randread", "99.9"),
    ]


def test_a_start_is_set_against_the_footprint_where_both_are_known() -> None:
    found = table(
        cell("lifecycle.start", "start", "podman", 0.2),
        cell("lifecycle.start", "idle_memory", "podman", 4e7),
        cell("lifecycle.start", "start", "kvm", 0.9),
    )
    assert [(row["target"], row["start"], row["idle_memory"]) for row in values(DRAW["starts"](found))] == [
        ("podman", 0.2, 4e7)
    ]


def test_what_has_nothing_to_show_is_no_figure() -> None:
    assert [name for name, figure in DRAW.items() if figure(table(cell("cpu.primes", "rate", "bare", 1.0)))] == []


@pytest.mark.parametrize("form", draw.FORMATS)
def test_every_figure_can_be_drawn_in_every_format_whatever_its_names(form: str) -> None:
    spec = DRAW["overhead"](COSTS)
    assert spec is not None
    picture = draw.FORMATS[form](spec)
    assert picture.startswith({"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}[form])
    if form == "svg":
        assert MARKUP.encode() not in picture
        assert json.dumps(MARKUP)[1:4].replace("<", "&lt;").encode() in picture
