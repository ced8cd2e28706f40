"""This machine, whichever it is: the collector's word against the kernel's own."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.probes.machines import value
from vbench.agent import collect, collect_cpu, collect_system
from vbench.probes import Snapshot, facts, stack
from vbench.store import snapshot as store

X86 = platform.machine() == "x86_64"


@pytest.fixture(scope="module")
def collected() -> dict[str, Any]:
    return collect.snapshot({})


@pytest.fixture(scope="module")
def here(collected: dict[str, Any]) -> Snapshot:
    return Snapshot.of(collected)


def test_what_other_tools_know_agrees(here: Snapshot) -> None:
    assert value(here, "kernel.release") == os.uname().release
    assert value(here, "cpu.count") == psutil.cpu_count()
    assert value(here, "cpu.usable") == len(os.sched_getaffinity(0))
    assert value(here, "memory.total") == psutil.virtual_memory().total
    assert value(here, "memory.swap_total") == psutil.swap_memory().total
    assert value(here, "isolation.uid") == os.geteuid()


def test_a_snapshot_travels_as_json_and_stays_small(collected: dict[str, Any]) -> None:
    assert len(json.dumps(collected)) < 2 * 2**20


@pytest.mark.skipif(not X86, reason="CPUID is an instruction of x86")
def test_cpuid_by_instruction_agrees_with_the_kernels_list(here: Snapshot) -> None:
    leaf = here.cpuid(1)
    assert leaf is not None
    assert here.flags is not None
    for bit, flag in ((0, "pni"), (9, "ssse3"), (20, "sse4_2"), (31, "hypervisor")):
        assert bool(leaf.ecx >> bit & 1) == (flag in here.flags)


@pytest.mark.skipif(not os.access("/dev/cpu/0/cpuid", os.R_OK), reason="/dev/cpu/0/cpuid cannot be read here")
def test_both_ways_to_cpuid_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    executed = collect_cpu.cpuid({})

    def refused() -> None:
        raise OSError(13, "no executable memory")

    monkeypatch.setattr(collect_cpu, "_executed", refused)
    errors: dict[str, str] = {}
    read = collect_cpu.cpuid(errors)
    assert errors["cpuid"]
    varying = {
        "0x00000001",
        "0x0000000b",
        "0x0000000d",
        "0x0000001f",
        "0x8000001e",
        "0x80000026",
    }  # the CPU's own number
    assert [leaf for leaf in executed if leaf["leaf"] not in varying] == [
        leaf for leaf in read if leaf["leaf"] not in varying
    ]


def test_options_switch_parts_off() -> None:
    sections = {"kvm", "cpuid", "io_uring", "log"}
    found = collect.snapshot(dict.fromkeys(sections, False))["json"]
    assert isinstance(found, dict)
    assert sections.isdisjoint(found)


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (lambda: os.kill(os.getpid(), 9), "crash"),
        (lambda: os.read(os.pipe()[0], 1), "timeout"),
        (lambda: 1 // 0, "ZeroDivisionError: integer division or modulo by zero"),
    ],
)
def test_a_child_that_crashes_hangs_or_fails_hurts_nobody(work: Any, error: str) -> None:
    assert collect_system.in_child(work, 0.3) == {"error": error}


def test_saving_this_machine_hides_its_name_and_keeps_its_facts(here: Snapshot, tmp_path: Path) -> None:
    store.save(here, tmp_path / "saved")
    again = {fact.key: fact.value for fact in facts(store.load(tmp_path / "saved"))}
    assert again == {fact.key: fact.value for fact in facts(here)} | {"kernel.cmdline": again["kernel.cmdline"]}


def vbench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "vbench", *words], capture_output=True, text=True, check=False)


def test_the_command_prints_the_document(here: Snapshot) -> None:
    document = json.loads(vbench("probe", "--json").stdout)
    assert document["schema"] == "vbench.facts/1"
    assert [fact["key"] for fact in document["facts"]] == [fact.key for fact in facts(here)]
    assert [layer["name"] for layer in document["stack"]] == [layer.name for layer in stack(here)]
    assert set(document["facts"][0]) == {"key", "value", "unit", "level", "source", "fix"}


def test_the_table_fits_and_names_the_fix_of_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vbench", "probe"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
        check=True,
    )
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert done.stdout.index("Running guests") < done.stdout.index("What disturbs measurements")
    assert "-> " in done.stdout


def test_a_sysroot_that_is_not_there_is_a_users_error() -> None:
    done = vbench("probe", "--sysroot", "/nowhere/at/all")
    assert done.returncode == 2
    assert done.stderr == (
        "vbench: '/nowhere/at/all' is neither a folder nor a tar archive. Name what `vbench probe --save` wrote.\n"
    )


FIRECRACKER = Path("/sys/module/kvm_pvm").exists()


@pytest.mark.skipif(not FIRECRACKER, reason="not one of the machines that this project was built on")
def test_the_whole_truth_of_the_machines_this_project_was_built_on(here: Snapshot) -> None:
    truth = {
        "platform.is_guest": "yes", "platform.hypervisor": "kvm", "platform.monitor": "firecracker",
        "platform.virtualization_type": "full", "platform.container": "none", "cpu.virtualization": "none",
        "cpu.nested_paging": "no", "kvm.device": "yes", "kvm.opens": "yes", "kvm.creates": "yes", "kvm.runs": "yes",
        "kvm.boots": "no", "kvm.backend": "kvm_pvm", "kvm.nested": "no", "iommu.present": "no", "iommu.active": "no",
    }  # fmt: skip
    assert {key: value(here, key) for key in truth} == truth
    assert [(layer.kind, layer.name) for layer in stack(here)] == [("machine", "kvm")]
