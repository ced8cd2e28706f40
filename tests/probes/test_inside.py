"""The truth as it looks from inside a container, a guest and a nested guest."""

from typing import Any

import pytest

from tests.probes.conftest import Inside
from tests.probes.machines import value
from vbench.probes import stack
from vbench.targets.catalogue import Catalogue

pytestmark = pytest.mark.real
GUEST = {
    "platform.is_guest": "yes",
    "platform.container": "none",
    "cpu.virtualization": "svm",
    "cpu.nested_paging": "yes",
    "kvm.device": "no",
    "kvm.runs": "no",
    "iommu.present": "no",
    "isolation.namespace.pid": "first",
    "cgroup.cpu_limit": "none",
}
TRUTH = {
    "podman": {
        "platform.container": "podman",
        "isolation.namespace.pid": "own",
        "isolation.seccomp": "filter",
        "kvm.opens": "no",
    },
    "kvm": GUEST | {"platform.hypervisor": "qemu-tcg", "platform.monitor": "qemu"},
    "kvm/kvm": GUEST | {"platform.hypervisor": "kvm", "platform.monitor": "qemu", "kernel.clocksource": "kvm-clock"},
}


@pytest.mark.parametrize("name", TRUTH)
def test_inside(name: str, inside: Inside) -> None:
    lacking = Catalogue().target(name).missing()
    if lacking:
        pytest.fail(f"'{name}' cannot be run here: {lacking[0].what} is missing")
    seen = inside(name)
    truth: dict[str, Any] = TRUTH[name]
    assert {key: value(seen, key) for key in truth} == truth
    last = stack(seen)[-1]
    assert last.name == (truth["platform.container"] if name == "podman" else truth["platform.hypervisor"])
