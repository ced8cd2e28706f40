"""Two variants of one run: paired with each other, gated with a margin, left out where a number lies."""

import json
import math

import pytest

from tests.reports.runs import make
from vbench.errors import InputError
from vbench.model import BARE, CONTROL
from vbench.reports.ab import Comparison, compare
from vbench.reports.ab_render import page
from vbench.reports.grid import FORMATS, render
from vbench.store.bundle import Bundle

pytestmark = pytest.mark.usefixtures("xdg")
NEW = "kvm:memory=1G"
SIDES = {BARE: 1.0, CONTROL: 1.0, "kvm": 1.2, NEW: 1.2}


def worse(by: float) -> dict[str, float]:
    return {**SIDES, NEW: 1.2 * by}


def judged(bundle: Bundle, margin: float = 0.03) -> Comparison:
    return compare(bundle, "kvm", NEW, margin=margin)


def test_a_tenth_more_is_a_regression_and_its_interval_holds_the_truth() -> None:
    found = judged(make("a", worse(1.1)))
    row = found.rows[0]
    assert (found.outcome, found.exit_code, row.boots) == ("regressed", 1, 10)
    assert row.low is not None
    assert row.high is not None
    assert row.low < 1.1 < row.high
    assert row.base == pytest.approx(1000 / 1.2, rel=0.02)
    assert row.new == pytest.approx(1000 / 1.32, rel=0.02)


def test_the_same_is_no_worse_and_a_margin_may_allow_more() -> None:
    assert judged(make("b", SIDES)).exit_code == 0
    assert judged(make("c", worse(1.1)), margin=0.2).exit_code == 0
    assert judged(make("d", worse(0.8))).rows[0].outcome == "improved"


@pytest.mark.parametrize("seed", range(20))
def test_an_a_a_is_never_a_regression(seed: int) -> None:
    found = judged(make(f"run{seed}", SIDES, seed=seed, noise=0.02))
    assert found.exit_code in {0, 3}


def test_noise_or_one_boot_is_inconclusive() -> None:
    assert judged(make("a", worse(1.03), noise=0.1)).exit_code == 3
    found = judged(make("b", worse(1.1), boots=1))
    assert (found.exit_code, found.rows[0].low) == (3, None)
    assert found.rows[0].warnings[0].startswith("one boot")


def test_the_pairing_is_not_through_bare() -> None:
    """What disturbs bare alone widens the ratio to bare and leaves the pair as it is."""
    bundle = make("a", worse(1.1))
    lines = [json.loads(line) for line in (bundle.folder / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        if line["target"] == BARE:
            line["value"] *= 1 + 0.5 * (line["boot"] % 2)
    (bundle.folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = judged(bundle)
    assert found.rows[0].mde is not None
    assert found.rows[0].mde < 0.02
    assert found.outcome == "regressed"
    assert (found.noise_floor or 0) > 0.1


def test_a_side_whose_job_failed_leaves_nothing_to_compare() -> None:
    broken = {"status": 1, "stdout": "", "stderr": "no such device"}
    found = judged(make("a", SIDES, odd={NEW: broken}))
    assert (found.exit_code, found.outcome, found.rows) == (4, None, ())
    assert "no such device" in found.left_out[0].reason


def test_a_number_that_lies_is_left_out_with_the_reason() -> None:
    found = judged(make("a", worse(1.1), odd={NEW: {"host_wall": 3.0}}))
    assert found.exit_code == 4
    assert found.left_out[0].reason.startswith(f"{NEW}: clock: the job took 1.000 s by the target's clock")


def test_guests_restored_from_one_boot_are_inconclusive() -> None:
    bundle = make("a", worse(1.1))
    path = bundle.folder / "instances.jsonl"
    path.write_text(path.read_text().replace('"restored": false', '"restored": true'))
    assert judged(bundle).exit_code == 3


def test_every_format_names_both_sides_and_the_outcome() -> None:
    found = judged(make("a", worse(1.1)))
    document = json.loads(str(render(page(found), "json")))
    assert (document["schema"], document["exit_code"], document["base"], document["new"]) == (
        "vbench.ab/1",
        1,
        "kvm",
        NEW,
    )
    assert math.isfinite(document["rows"][0]["change"])
    text = str(render(page(found), "md"))
    assert f"## {NEW} against kvm" in text
    assert "regressed" in text
    assert set(FORMATS) == {"table", "md", "json"}
    with pytest.raises(InputError, match="There is no format 'xml'"):
        render(page(found), "xml")
