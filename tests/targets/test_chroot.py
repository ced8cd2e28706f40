"""Plain chroot(8): bare metal by its own name, and a way into the image's root inside of something else."""

import os
import re
from pathlib import Path

import pytest

from tests.targets.entering import MEMORY, ROOT, Bench, ask, memory_limit_of, pinned_to
from vbench.errors import TargetError
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance

pytestmark = pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
SHARED = ("cgroup", "ipc", "pid", "time", "user", "uts")


def command_of(instance: Instance) -> list[str]:
    """The command line, but for the names of what was made for this instance."""
    return [re.sub(r"vbench-[\w.+-]+", "", word) for word in instance.entries[0].argv]


def test_it_is_bare_in_all_but_its_name(bench: Bench) -> None:
    with bench.enter("chroot") as chroot, bench.enter("bare") as bare:
        assert command_of(chroot) == command_of(bare)
        assert chroot.place.disk_path == bare.place.disk_path
        assert chroot.place.network_path == bare.place.network_path
    assert "chroot" not in Catalogue().names()


def test_it_shares_every_namespace_but_the_mounts(bench: Bench) -> None:
    with bench.enter("chroot") as chroot:
        pid = chroot.pipe.process.pid
        for kind in SHARED:
            assert Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/{os.getpid()}/ns/{kind}").readlink()
        assert Path(f"/proc/{pid}/root").readlink() == bench.host.image.rootfs.resolve()
        assert memory_limit_of(pid) == MEMORY
        assert pinned_to(chroot) == str(bench.host.target_cpus[0])
        assert not chroot.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(chroot, "echo x > /data/y; cat /data/y") == "x"
        assert chroot.place.address in ask(chroot, "ip address show dev vbr0")
    assert not Path(bench.host.image.rootfs, "etc/changed").exists()


def test_it_composes(bench: Bench) -> None:
    with bench.enter("bwrap/chroot") as inner:
        assert ask(inner, "echo x > /data/y; cat /data/y") == "x"


@pytest.mark.real
def test_in_a_container_that_may_not_mount_there_is_no_way_into_a_root(bench: Bench) -> None:
    for path in ("podman/chroot", "docker/bwrap", "gvisor/unshare", "runc/bare"):
        lacking = bench.catalogue.target(path).missing()
        assert lacking[-1].what == f"the right to mount inside '{path.split('/')[0]}'"
    with pytest.raises(TargetError) as caught, bench.enter("runc/chroot"):
        pass
    assert "Operation not permitted" in caught.value.console
    assert not bench.catalogue.target("podman/kvm/chroot").missing()
