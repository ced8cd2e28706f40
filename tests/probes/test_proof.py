"""What a boot has proven: the facts, and the boots themselves."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.probes.machines import fact, machine, value
from vbench.image import Image
from vbench.probes import facts


def test_without_a_boot_there_is_no_such_fact() -> None:
    assert not [one for one in facts(machine()) if one.key.startswith("guest.")]


def test_a_guest_and_a_nested_guest_are_proven() -> None:
    seen = machine(kvm={"booted": True}, proof={"guest": "kvm", "reason": "it did", "nested": "kvm/kvm"})
    assert (fact(seen, "guest.accelerator").value, fact(seen, "guest.accelerator").level) == ("kvm", "proven")
    assert (fact(seen, "guest.nested").value, fact(seen, "guest.nested").level) == ("kvm/kvm", "proven")
    assert (fact(seen, "kvm.boots").value, fact(seen, "kvm.boots").level) == ("yes", "proven")


def test_a_nested_guest_that_does_not_boot_says_why() -> None:
    seen = machine(proof={"guest": "tcg", "reason": "", "nested": None, "nested_reason": "it hangs"})
    assert value(seen, "guest.nested") == "no"
    assert "it hangs" in fact(seen, "guest.nested").source


@pytest.mark.parametrize("proof", [{"guest": 7}, {"guest": "tcg", "nested": ["x"]}, {"guest": "xen"}, []])
def test_a_forged_proof_claims_nothing(proof: Any) -> None:
    said = [one.value for one in facts(machine(proof=proof)) if one.key.startswith("guest.")]
    assert set(said) <= {"tcg", "no"}


def probe(*words: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "vbench", "probe", "--json", *words]
    document = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return {one["key"]: one for one in document["facts"]} | {"stack": document["stack"]}


@pytest.mark.real
def test_boots_here_prove_what_this_machine_can_do(image: Image) -> None:
    assert image.digest
    found = probe("--prove")
    kind = found["guest.accelerator"]["value"]
    assert found["guest.accelerator"]["level"] == "proven"
    assert found["guest.nested"]["value"] == f"{kind}/kvm"
    assert found["kvm.boots"]["value"] == ("yes" if kind == "kvm" else "no")


@pytest.mark.real
def test_the_inside_of_a_container_is_probed(image: Image) -> None:
    assert image.digest
    assert probe("--target", "podman")["platform.container"]["value"] == "podman"


def test_two_ways_to_a_snapshot_are_refused() -> None:
    argv = [sys.executable, "-m", "vbench", "probe", "--prove", "--target", "kvm"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("vbench: Only one of --sysroot, --target and --prove")
