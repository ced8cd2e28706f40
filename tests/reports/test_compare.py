"""Two runs as a real session writes them, compared."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import pytest

from tests.reports.runs import BROKEN, COSTS, WORKLOAD, make, shipped
from vbench.errors import InputError
from vbench.reports.compare import Comparison, Run, compare
from vbench.reports.compare_render import page
from vbench.reports.finish import summary_of
from vbench.reports.grid import render
from vbench.reports.outcome import EXIT
from vbench.store.bundle import Bundle
from vbench.store.session import read

pytestmark = pytest.mark.usefixtures("xdg")
ALIKE = ("rate", "kvm")
SLOWER = {**COSTS, "kvm": 1.32}


def run(bundle: Bundle) -> Run:
    session, cells = read(bundle.folder, summary_of)
    assert session.trouble is None
    return Run(session, cells)


def compared(base: Mapping[str, Any], new: Mapping[str, Any], **options: Any) -> Comparison:
    return compare(run(make("base", **base)), run(make("new", **{"seed": 2, **new})), **options)


def outcomes(found: Comparison) -> dict[str, str]:
    return {row.target: row.outcome for row in found.rows}


def test_equal_costs_are_no_worse() -> None:
    found = compared({}, {})
    assert (found.outcome, found.exit_code) == ("no worse", 0)
    assert outcomes(found) == {"kvm": "no worse", "podman": "no worse"}
    assert all(row.base_boots == row.new_boots == 10 for row in found.rows)


def test_ten_percent_are_found_and_told_with_their_size() -> None:
    found = compared({}, {"costs": SLOWER})
    assert (found.outcome, found.exit_code) == ("regressed", 1)
    row = next(row for row in found.rows if row.target == "kvm")
    assert row.low is not None
    assert row.high is not None
    assert row.low < 1.1 < row.high
    assert row.low > 1.03
    assert row.mde is not None
    assert row.high / row.low < (1 + row.mde) ** 2 < 1.05
    assert outcomes(found)["podman"] == "no worse"


def test_a_gain_is_an_improvement_and_passes() -> None:
    found = compared({"costs": SLOWER}, {})
    assert outcomes(found)["kvm"] == "improved"
    assert found.exit_code == 0


def test_noise_is_inconclusive_and_a_wider_margin_helps() -> None:
    sides: dict[str, Any] = {"noise": 0.04, "boots": 5}
    found = compared(sides, sides)
    assert (found.outcome, found.exit_code) == ("inconclusive", 3)
    assert compare(run(make("c", **sides)), run(make("d", seed=4, **sides)), margin=0.5).exit_code == 0


def test_an_a_a_is_never_called_a_regression() -> None:
    runs = [run(make(f"r{seed}", boots=5, noise=0.02, seed=seed)) for seed in range(12)]
    found = [compare(base, new).exit_code for base, new in pairwise(runs)]
    assert set(found) <= {0, 3}


def test_one_boot_concludes_nothing_and_says_so() -> None:
    found = compared({}, {"boots": 1})
    assert found.exit_code == 3
    assert all(row.low is row.high is row.mde is None and row.change is not None for row in found.rows)
    assert all("one boot" in row.warnings[0] for row in found.rows)


def test_a_target_that_broke_is_no_pass() -> None:
    found = compared({}, {"odd": BROKEN})
    assert found.exit_code == 3
    row = next(row for row in found.rows if row.target == "kvm")
    assert (row.new, row.change, row.new_boots, row.outcome) == (None, None, 0, "inconclusive")
    assert "no ratio in the second run (failed)" in row.warnings[0]
    assert any("no such device" in warning for warning in row.warnings)


def test_a_target_that_was_broken_before_is_named_and_left_out() -> None:
    found = compared({"odd": BROKEN}, {})
    assert outcomes(found) == {"podman": "no worse"}
    assert [(one.target, "no ratio in the first run" in one.reason) for one in found.left_out] == [("kvm", True)]


def test_a_clock_that_was_set_is_named_and_voids_the_row() -> None:
    found = compared({}, {"odd": {"kvm": {"wall": 1.0, "host_wall": 3.0}}})
    row = next(row for row in found.rows if row.target == "kvm")
    assert (row.change, row.outcome, found.exit_code) == (None, "inconclusive", 3)
    assert row.warnings[0].startswith(
        "no ratio in the second run (withheld): clock: the job took 1.000 s by the target"
    )


def test_a_target_that_only_one_run_has_is_named() -> None:
    found = compared({}, {"costs": {**COSTS, "crun": 1.1}})
    assert [(one.target, one.reason) for one in found.left_out] == [("crun", "there is none in the first run")]
    assert found.exit_code == 0


def test_no_common_cell_measures_nothing() -> None:
    found = compared({"costs": {"bare": 1, "kvm": 1.2}}, {"costs": {"bare": 1, "podman": 1.02}})
    assert (found.outcome, found.exit_code, len(found.left_out)) == (None, 4, 2)


def test_two_definitions_of_a_workload_are_not_compared_silently() -> None:
    ours = shipped()
    assert "--time={seconds}" in ours.text
    new = make("new", seed=2, workload=replace(ours, text=ours.text.replace("--time={seconds}", "--time=9")))
    base = run(make("base"))
    with pytest.raises(InputError, match=rf"workload\.{WORKLOAD} is 'digest .*, version \d+' in the first"):
        compare(base, run(new))
    found = compare(base, run(new), allowed=["workload.*"])
    assert [aspect.name for aspect in found.allowed] == [f"workload.{WORKLOAD}"]
    assert "Allowed, though it may be the cause: workload.cpu.primes" in str(render(page(found), "md"))


DIFFERENT: dict[str, dict[str, Any]] = {
    "cpu.model": {"facts": {"proc/cpuinfo": "processor : 0\nmodel name : Another\n\nprocessor : 1\n"}},
    "memory.total": {"facts": {"proc/meminfo": "MemTotal: 32000000 kB\n"}},
    "kernel.release": {"facts": {"proc/sys/kernel/osrelease": "6.12.0\n"}},
    "image.digest": {"header": {"digests": {"image": "3" * 64, "agent": "2" * 64}}},
    "agent.digest": {"header": {"digests": {"image": "1" * 64, "agent": "3" * 64}}},
    "settings.cpus": {"header": {"settings": {"cpus": 2, "memory": 2**29, "restored": False}}},
    "settings.memory": {"header": {"settings": {"cpus": 1, "memory": 2**30, "restored": False}}},
    "target.kvm": {"header": {"own_targets": {"kvm": ["mine", "{command}"]}}},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_is_refused_by_name_unless_allowed(name: str) -> None:
    base, new = run(make("base")), run(make("new", seed=2, **DIFFERENT[name]))
    with pytest.raises(InputError) as refused:
        compare(base, new)
    assert name in refused.value.message
    assert f"--allow {name}" in refused.value.remedy
    allowed = compare(base, new, allowed=[name])
    assert (allowed.exit_code, [aspect.name for aspect in allowed.allowed]) == (0, [name])


def test_a_file_of_a_variant_that_was_built_anew_is_another_variant() -> None:
    name = "kvm:kernel=/boot/vmlinux"
    sides = [
        run(make(ident, {"bare": 1.0, name: 1.2}, seed=seed, header={"variants": {name: variant}}))
        for ident, seed, variant in (
            ("base", 1, {"kernel": "/boot/vmlinux", "kernel.sha256": "a" * 64}),
            ("new", 2, {"kernel": "/boot/vmlinux", "kernel.sha256": "b" * 64}),
        )
    ]
    aspect = f"target.{name}.kernel.sha256"
    with pytest.raises(InputError, match=rf"{aspect} is '{'a' * 16}' in the first and '{'b' * 16}' in the second"):
        compare(*sides)
    found = compare(*sides, allowed=["target.*.sha256"])
    assert (found.exit_code, [one.name for one in found.allowed]) == (0, [aspect])


def test_what_neither_run_knows_is_no_agreement() -> None:
    assert "Neither run says whether these agree: cpu.mitigations, cpu.smt" in compared({}, {}).notes[0]


def test_an_accelerator_is_an_aspect() -> None:
    base = run(make("base"))
    emulated = tuple(replace(c, accelerator="tcg" if c.target == "kvm" else None) for c in base.cells)
    with pytest.raises(InputError, match=r"accelerator\.kvm is 'none' in the first and 'tcg' in the second"):
        compare(base, replace(base, cells=emulated))


def test_an_aspect_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError) as refused:
        compared({}, {}, allowed=["kernel.relase"])
    assert refused.value.remedy == "Did you mean 'kernel.release'?"


def test_another_unit_is_left_out_with_both_units() -> None:
    base = run(make("base"))
    cells = tuple(replace(c, unit="s", better="lower") for c in base.cells)
    found = compare(base, replace(base, cells=cells))
    assert found.exit_code == 4
    assert all("'1/s' (higher is better) and in 's' (lower is better)" in one.reason for one in found.left_out)


def test_a_session_whose_control_differs_is_not_trusted() -> None:
    found = compared({}, {"costs": {**COSTS, "bare2": 1.1}})
    told = "bare2 differs from bare in 1 of 1 metrics, where chance alone gives 0.05"
    assert found.notes[0] == f"Do not trust the second run: {told}: {WORKLOAD} rate."
    assert "bare2" not in outcomes(found)


def test_json_says_all_of_it() -> None:
    found = compared({}, {"costs": SLOWER, "boots": 1})
    document = json.loads(str(render(page(found), "json")))
    assert document["schema"] == "vbench.compare/1"
    assert (document["outcome"], document["exit_code"], document["margin"]) == ("inconclusive", 3, 0.03)
    assert document["rows"] == json.loads(json.dumps([asdict(row) for row in found.rows]))
    assert document["rows"][0]["low"] is None


def test_markdown_escapes_what_runs_are_called() -> None:
    base = run(make("base"))
    nasty = tuple(replace(c, target="<b>|x", warnings=("a `b` | c",)) if c.target == "kvm" else c for c in base.cells)
    shown = str(render(page(compare(replace(base, cells=nasty), replace(base, cells=nasty))), "md"))
    assert "<b>" not in shown
    assert "&lt;b&gt;\\|x" in shown
    assert "a \\`b\\` \\| c" in shown
    with pytest.raises(InputError, match="no format 'xml'"):
        render(page(compare(base, base)), "xml")


def test_every_outcome_has_an_exit_code() -> None:
    assert EXIT == {"no worse": 0, "regressed": 1, "inconclusive": 3, None: 4}
