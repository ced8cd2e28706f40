from typing import Any

import pytest

from tests.probes.machines import fact, leaf, machine, value

NODE = {"type": "c", "major": 10, "minor": 232, "mode": "0660", "readable": True, "writable": True}
SVM = [leaf(1), leaf(0x80000001, ecx=4)]


def kvm(files: dict[str, str | bytes] | None = None, node: Any = NODE, **about: Any) -> Any:
    return machine(files, arch="x86_64", stat={"/dev/kvm": node} if node else {}, kvm=about, cpuid=SVM)


def test_each_step_is_a_fact_of_its_own() -> None:
    run = {"ok": True, "exits": 10, "exits_per_second": 41000.0}
    snapshot = kvm(open_errno=0, api_version=12, create_vm_errno=0, create_vcpu_errno=0, run=run)
    assert [value(snapshot, f"kvm.{key}") for key in ("device", "opens", "creates", "runs")] == ["yes"] * 4
    assert fact(snapshot, "kvm.runs").level == "proven"
    assert value(snapshot, "kvm.exits_per_second") == 41000.0
    assert value(snapshot, "kvm.boots") == "unknown"


@pytest.mark.parametrize(
    ("module", "run", "level"),
    [
        ("kvm_amd", {"ok": True}, "proven"),
        ("kvm_amd", {"ok": False}, "permitted"),
        ("kvm_pvm", {"ok": True}, "silicon"),
    ],
)
def test_the_extension_is_proven_by_a_guest_that_ran_on_it(module: str, run: Any, level: str) -> None:
    snapshot = kvm({f"/sys/module/{module}/parameters/npt": "Y"}, open_errno=0, create_vm_errno=0, run=run)
    assert fact(snapshot, "cpu.virtualization").level == level


@pytest.mark.parametrize(
    ("number", "opens", "runs"),
    [(13, "not-permitted", "not-permitted"), (19, "no", "no"), (6, "no", "no"), (2, "no", "no")],
)
def test_a_device_that_does_not_open(number: int, opens: str, runs: str) -> None:
    snapshot = kvm(open_errno=number)
    assert value(snapshot, "kvm.opens") == opens
    assert value(snapshot, "kvm.runs") == runs
    assert fact(snapshot, "kvm.opens").fix


def test_a_node_that_somebody_made_by_hand_is_not_kvms() -> None:
    snapshot = kvm(node=NODE | {"major": 1, "minor": 3}, open_errno=19)
    assert value(snapshot, "kvm.device") == "no"


def test_absence_comes_with_the_module_to_load() -> None:
    snapshot = machine(arch="x86_64", errors={"/dev/kvm": "ENOENT"}, kvm={"open_errno": 2}, cpuid=SVM)
    assert value(snapshot, "kvm.device") == "no"
    assert "modprobe kvm_amd" in str(fact(snapshot, "kvm.device").fix)


def test_nothing_recorded_is_nothing_known() -> None:
    for key in ("device", "opens", "creates", "runs", "boots", "nested"):
        assert value(machine(arch="x86_64"), f"kvm.{key}") == "unknown"


def test_a_run_that_hung_or_faulted_is_a_no() -> None:
    assert value(kvm(open_errno=0, child="timeout"), "kvm.runs") == "no"
    assert value(kvm(open_errno=0, create_vm_errno=0, run={"ok": False, "exit_reason": 17}), "kvm.runs") == "no"


def test_the_software_back_end_runs_instructions_but_boots_no_stock_kernel() -> None:
    run = {"ok": True, "exits_per_second": 1.0}
    snapshot = machine(
        {"/sys/module/kvm_pvm/parameters/stats": "N"},
        arch="x86_64",
        kvm={"open_errno": 0, "create_vm_errno": 0, "run": run},
    )
    assert [value(snapshot, f"kvm.{key}") for key in ("runs", "boots", "backend")] == ["yes", "no", "kvm_pvm"]
    assert value(kvm(open_errno=0, booted=True, run=run), "kvm.boots") == "yes"


@pytest.mark.parametrize(
    ("offered", "state", "expected"),
    [(4, 16384, "yes"), (4, 0, "no"), (0, 16384, "no")],
)
def test_nesting_takes_the_extension_and_its_state(offered: int, state: int, expected: str) -> None:
    supported = [leaf(1), leaf(0x80000001, ecx=offered)]
    assert value(kvm(open_errno=0, caps={"157": state}, supported_cpuid=supported), "kvm.nested") == expected


@pytest.mark.parametrize(("text", "expected"), [("Y", "yes"), ("1", "yes"), ("N", "no"), ("0", "no")])
def test_nesting_by_the_modules_switch(text: str, expected: str) -> None:
    snapshot = machine({"/sys/module/kvm_intel/parameters/nested": text}, arch="x86_64")
    assert value(snapshot, "kvm.nested") == expected
    assert ("nested=1" in str(fact(snapshot, "kvm.nested").fix)) is (expected == "no")


def test_the_kinds_of_guests_are_bits() -> None:
    assert value(kvm(open_errno=0, caps={"235": 0b11101}), "confidential.vm_types") == "default sev sev-es sev-snp"


def test_a_devices_rights_are_not_its_absence() -> None:
    stat = {"/dev/net/tun": NODE | {"writable": False}, "/dev/vhost-net": NODE}
    snapshot = machine(stat=stat, errors={"/dev/iommu": "ENOENT", "/dev/vfio/vfio": "EACCES"})
    expected = {"tun": "not-permitted", "vhost_net": "yes", "iommufd": "no", "vfio": "not-permitted", "mshv": "unknown"}
    assert {key: value(snapshot, f"device.{key}") for key in expected} == expected
