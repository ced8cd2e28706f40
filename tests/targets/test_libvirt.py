"""A domain that libvirt runs. virsh and libvirt are real, with libvirt's own test driver in the place of a hypervisor;
so is the sshd that answers at the address that it tells."""

from pathlib import Path

import pytest

from tests.targets.entering import ROOT, Bench, ask
from tests.targets.sshd import Server, run
from tests.targets.test_ssh import server as server  # noqa: PLC0414 - a fixture
from vbench.errors import HostError, InputError
from vbench.targets.catalogue import Catalogue
from vbench.targets.remote.libvirt import Libvirt, address

URI = "test:///default"
TEST = f"uri={URI}"
LISTING = " vnet0      52:54:00:b3:5b:22    ipv4         192.168.122.88/24\n"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="sshd and network namespaces need root")]


def test_a_running_domain_is_entered_by_its_address(bench: Bench, server: Server) -> None:
    where = Libvirt("test", uri=URI).reach().machine
    run("ip", "-n", server.netns, "address", "add", f"{where}/32", "dev", "lo")
    server.know(where)
    with bench.enter(f"libvirt:test:{TEST}:config={server.config}") as domain:
        assert ask(domain, "echo x > /data/y; cat /data/y") == "x"
        assert not domain.place.machine, "its hypervisor is on this machine"
        assert not domain.place.seen


def test_a_domain_that_cannot_be_entered_is_a_sentence(bench: Bench) -> None:
    with pytest.raises(HostError, match="no-such"), bench.enter(f"libvirt:no-such:{TEST}"):
        pass
    with pytest.raises(HostError, match="The domain 'web' is 'shut off'"):
        address("web", "shut off\n", [])
    with pytest.raises(HostError, match="no address"):
        address("web", "running\n", ["", " vnet0 52:54:00:b3:5b:22 ipv6 fe80::1/64\n"])
    assert (
        address("web", "running\n\n", ["", LISTING.replace("ipv4", "ipv6").replace("192", "2001::192"), LISTING])
        == "192.168.122.88"
    )


@pytest.mark.parametrize("name", ["-c", "--help", "a b", "a/../b", "$(id)"])
def test_what_is_no_domain(name: str) -> None:
    with pytest.raises(InputError):
        Catalogue().target(f"libvirt:{name}")


def test_whose_machine_a_domain_is_on() -> None:
    assert Libvirt("web", uri="qemu:///system").machine == ""
    assert Libvirt("web", uri="qemu+ssh://lab7/system").machine == "web of qemu+ssh://lab7/system"
    assert not Path("/run/libvirt/libvirtd.pid").exists(), "tests start no daemon"
