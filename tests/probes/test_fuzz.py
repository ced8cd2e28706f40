"""Whatever a target sends or a disk holds: facts come of it, never an exception, and what is claimed is well-formed."""

import json
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.probes.machines import dmar, machine, table, value
from vbench.agent.collect_files import WANTED
from vbench.probes import FAILED, QUESTIONS, Snapshot, acpi, facts, stack

LEVELS = {None, "silicon", "firmware-enabled", "kernel-enabled", "permitted", "proven"}
PATHS = [
    pattern.replace("*", name)
    for kind, pattern, _ in WANTED
    if kind != "present"
    for name in ("0", "cpu0", "node1", "kvm_amd")
]
WORDS = st.sampled_from(
    [
        "0",
        "1",
        "Y",
        "-1",
        "max",
        "0-3",
        "9" * 30,
        "0-99999999999",
        "vmx svm hypervisor sie",
        "[always] never",
        "xen",
        "KVM",
        "\0",
        "cpu  1 2 3 4 5 6 7 8 9",
        "flags : vmx",
        "isa : rv64",
        "platform : pSeries",
        "VM00 Control Program: KVM",
        "IR-PCI-MSI",
        "1 2 3 4 5 6 7 8 9 10",
        "VxID: 3",
        "MemTotal: 5 kB",
        "some avg10=0 avg60=x",
    ]
)
TEXTS = (
    st.lists(WORDS | st.text(max_size=20), max_size=5).map("\n".join).map(lambda text: text.encode("utf-8", "replace"))
)
CONTENTS = TEXTS | st.binary(max_size=80)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["0x1", "0x80000001", "EACCES"])
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REGISTER = st.integers(0, 2**32 - 1).map(hex) | SCALARS
LEAVES = st.lists(
    st.fixed_dictionaries(
        {
            "leaf": st.sampled_from(
                ["0x0", "0x1", "0x7", "0x21", "0x40000000", "0x40000100", "0x80000001", "0x8000000a", "0x8000001f"]
            )
            | SCALARS,
            "subleaf": st.sampled_from(["0x0", "0x1"]) | SCALARS,
            "eax": REGISTER,
            "ebx": REGISTER,
            "ecx": REGISTER,
            "edx": REGISTER,
        }
    ),
    max_size=8,
)
KVM = st.fixed_dictionaries(
    {},
    optional={
        "open_errno": SCALARS,
        "create_vm_errno": SCALARS,
        "create_vcpu_errno": SCALARS,
        "booted": SCALARS,
        "child": SCALARS,
        "caps": st.dictionaries(st.sampled_from(["9", "66", "157", "160", "235", "240"]), SCALARS) | SCALARS,
        "supported_cpuid": LEAVES | SCALARS,
        "run": st.fixed_dictionaries(
            {}, optional={"ok": SCALARS, "error": ANY, "exit_reason": ANY, "exits_per_second": SCALARS}
        )
        | SCALARS,
    },
)
NODE = st.fixed_dictionaries(
    {}, optional={"type": SCALARS, "major": SCALARS, "minor": SCALARS, "readable": SCALARS, "inode": SCALARS}
)
JSON = st.fixed_dictionaries(
    {},
    optional={
        "arch": st.sampled_from(["x86_64", "aarch64", "s390x", "ppc64le", "riscv64", "loongarch64", "sparc64"])
        | SCALARS,
        "kernel": SCALARS,
        "uid": SCALARS,
        "cpuid": LEAVES | ANY,
        "kvm": KVM | ANY,
        "env": ANY,
        "log": ANY,
        "limits": ANY,
        "io_uring": ANY,
        "msr": st.lists(
            st.fixed_dictionaries(
                {"index": st.sampled_from(["0x3a", "0x48b", "0xc0010114"]) | SCALARS, "value": REGISTER}
            )
        )
        | ANY,
        "stat": st.dictionaries(st.sampled_from(["/", "/proc/1/root", "/dev/kvm", "/dev/net/tun"]), NODE | SCALARS)
        | ANY,
        "errors": st.dictionaries(st.sampled_from(PATHS), SCALARS, max_size=4) | ANY,
        "links": st.dictionaries(st.sampled_from(PATHS), st.text(max_size=20), max_size=4) | ANY,
        "present": st.lists(st.sampled_from(PATHS), max_size=4) | ANY,
    },
)
FILES = st.dictionaries(st.sampled_from(PATHS), CONTENTS, max_size=12)
HARD = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def check(snapshot: Snapshot) -> None:
    found = facts(snapshot)
    keys = [fact.key for fact in found]
    assert len(keys) == len(set(keys))
    for fact in found:
        assert any(question.names(fact.key) for question in QUESTIONS), fact.key
        assert fact.level in LEVELS
        assert fact.source
        assert not fact.source.startswith(FAILED), fact
        assert isinstance(fact.value, str) or math.isfinite(fact.value)
        assert not isinstance(fact.value, bool)
        assert fact.value != ""
        assert f"{fact.key}{fact.value}{fact.source}".isprintable()
        assert (fact.unit is None) == isinstance(fact.value, str), fact
    json.dumps([vars(fact) for fact in found] + [vars(layer) for layer in stack(snapshot)], allow_nan=False)


@HARD
@given(FILES, JSON)
def test_facts_come_of_any_files_and_any_json(files: dict[str, bytes], about: dict[str, Any]) -> None:
    check(machine({**files}, **{key: item for key, item in about.items() if key not in ("links", "present")}))


@HARD
@given(st.dictionaries(st.sampled_from(PATHS) | st.text(max_size=9), st.text(max_size=30), max_size=6), ANY, JSON)
def test_facts_come_of_any_answer_of_an_agent(files: dict[str, str], binary: Any, about: dict[str, Any]) -> None:
    check(Snapshot.of({"json": about, "files": files, "binary": binary}))


@HARD
@given(st.binary(max_size=200), st.sampled_from(["DMAR", "IVRS", "IORT", "VIOT", "RIMT", "APIC"]))
def test_any_table_is_read_to_an_end(data: bytes, name: str) -> None:
    for body in (data, table(name, data)):
        acpi.read(name, body)
        check(machine({f"/sys/firmware/acpi/tables/{name}": body}))


@HARD
@given(st.integers(0, 255), st.integers(1, 9), st.data())
def test_a_torn_table_is_still_an_iommu(flags: int, units: int, data: st.DataObject) -> None:
    whole = dmar(flags, units)
    torn = whole[: data.draw(st.integers(0, len(whole)))]
    snapshot = machine({"/sys/firmware/acpi/tables/DMAR": torn})
    assert value(snapshot, "iommu.kind") == "vt-d"
    expected = ("yes" if flags & 1 else "no") if len(torn) > 37 else "unknown"
    assert value(snapshot, "iommu.interrupt_remapping") == expected


@given(st.binary(max_size=100), st.integers(0, 100))
def test_a_flipped_byte_in_a_table_changes_no_more_than_its_units(junk: bytes, at: int) -> None:
    whole = bytearray(dmar(1, 4))
    whole[36 + at % (len(whole) - 36) :][: len(junk)] = junk
    found = acpi.read("DMAR", bytes(whole))
    assert found is not None
    assert found.units is None or 0 <= found.units <= len(whole) // 4
