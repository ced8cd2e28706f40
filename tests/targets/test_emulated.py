"""A foreign architecture: an image of it is built here, and entered as a guest and under QEMU's user mode."""

import json
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.image.small import make
from tests.run.command import Home, leftovers, temporary_home
from tests.targets.entering import MEMORY, SETTINGS, ask, memory_limit_of, pinned_to, reaches_the_peer
from vbench.errors import HostError
from vbench.image import Image, Recipe, build, find, foreign, load_recipe, newest, store
from vbench.ledger import Ledger
from vbench.model import Fact
from vbench.probes.matters import IMAGE, differences, voids
from vbench.run.machine import machine
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.place import host_place, with_image, with_kind_of
from vbench.targets.variants import described

SMALL = Recipe(
    suite="bookworm",
    packages=("python3-minimal", "libpython3-stdlib", "iproute2", "kmod", "busybox-static"),
    kernel="linux-image-cloud-amd64",
    exclude=("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*"),
    run=("uname -m >/built-on",),
)
HANDLERS = Path("/proc/sys/fs/binfmt_misc")
FOREIGN = "arm64"
root = pytest.mark.skipif(os.getuid() != 0, reason="namespaces and the network need root")


def test_a_recipe_goes_to_another_architecture_with_its_kernel() -> None:
    recipe = load_recipe()
    there = recipe.on(FOREIGN)
    assert (there.architecture, there.kernel, there.generic) == (FOREIGN, "linux-image-cloud-arm64", None)
    assert there.packages == recipe.packages
    assert there.digest != recipe.digest
    assert recipe.on(foreign.native()) is recipe


@pytest.mark.usefixtures("xdg")
def test_an_architecture_that_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "image", "build", "--architecture", "arm46")
    assert said.code == 2
    assert "There is no architecture 'arm46'. Did you mean 'arm64'?" in " ".join(said.err.split())


@pytest.mark.usefixtures("xdg")
def test_a_machine_that_cannot_build_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(foreign.EMULATORS, FOREIGN, "no-such-emulator")
    with pytest.raises(HostError, match="no-such-emulator is missing") as caught:
        build(SMALL.on(FOREIGN), print)
    assert caught.value.remedy == "apt-get install qemu-user-static"


def program(status: int) -> bytes:
    """The least program for AArch64: it ends with a status (mov x0, status; mov x8, 93; svc 0)."""
    code = struct.pack("<III", 0xD2800000 | status << 5, 0xD2800BA8, 0xD4000001)
    start, size = 0x400000, 64 + 56 + len(code)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 183, 1, start + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, start, start, size, size, 0x10000) + code


@root
@pytest.mark.parametrize("shell", ["exec {0}", "env {0}", "sh -c {0}; exit $?"])
def test_a_foreign_program_runs_where_it_shall_and_nothing_is_registered(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(program(42))
    file.chmod(0o755)
    assert not foreign.lacking(FOREIGN)
    before = {path: path.read_text() for path in HANDLERS.glob("qemu-*")}
    inside = [*foreign.emulating(FOREIGN), "sh", "-c", f"cat /proc/self/uid_map; {shell.format(file)}"]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (42, ["0", "0", "4294967295"]), done.stderr
    assert {path: path.read_text() for path in HANDLERS.glob("qemu-*")} == before
    assert str(HANDLERS) not in Path("/proc/mounts").read_text() or before


@root
def test_before_linux_6_7_the_machine_s_own_handler_is_used_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version of this kernel is the one thing here that a test cannot have for real."""
    monkeypatch.setattr(foreign, "_kernel", lambda: (6, 1))
    monkeypatch.setattr(foreign, "HANDLERS", tmp_path)
    assert [lack.fix for lack in foreign.lacking(FOREIGN)] == [
        "apt-get install binfmt-support, or boot Linux 6.7 or later"
    ]
    (tmp_path / "qemu-aarch64").touch()
    assert not foreign.lacking(FOREIGN)
    assert foreign.emulating(FOREIGN) == []


def test_what_lacks_is_named_with_its_fix(xdg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(xdg))
    fixes = {name: [lack.fix for lack in Catalogue().target(name).missing()] for name in ("arm64", "arm64-user")}
    image = "vbench image build --architecture arm64"
    assert fixes == {
        "arm64": ["apt-get install qemu-system-arm", image],
        "arm64-user": ["apt-get install qemu-user-static", image],
    }


@pytest.mark.usefixtures("xdg")
def test_an_image_for_another_machine_is_never_taken_for_ours() -> None:
    ours, later = make(b"ours"), make(b"later", created=2)
    theirs = store.relabel(later, later.manifest.model_copy(update={"architecture": FOREIGN}))
    assert find(None) == ours
    assert newest(FOREIGN) == theirs
    assert newest(FOREIGN, "xen") is None
    assert newest(foreign.native(), "vmlinux") == ours
    store.remove(ours)
    with pytest.raises(HostError, match="There is no workload image"):
        find(None)


@pytest.mark.usefixtures("xdg")
def test_a_hop_takes_an_image_of_its_kind_unless_one_is_named(tmp_path: Path) -> None:
    ours, first, second = (make(name.encode(), created=time) for time, name in enumerate(("ours", "first", "second")))
    first, second = (
        store.relabel(one, one.manifest.model_copy(update={"architecture": FOREIGN})) for one in (first, second)
    )
    with Ledger(tmp_path / "ledgers") as ledger:
        place = host_place(ours, ledger, tmp_path, cpus=(0,))
        assert with_kind_of(place, second).image == second.digest
        assert with_kind_of(place, second).rootfs == str(second.rootfs)
        named = with_image(place, first)
        assert with_kind_of(named, second) == named
        assert with_kind_of(place, None) == place
    target = Catalogue().target("arm64-user")
    assert described(target.options, target.hops) == {"image.digest": second.digest}
    target = Catalogue().target(f"arm64-user:image={first.digest}")
    assert described(target.options, target.hops)["image.digest"] == first.digest


def test_another_image_is_told_and_another_architecture_forbids_a_ratio() -> None:
    here, there = [Fact(IMAGE, "a"), Fact("kernel.arch", "x86_64")], [Fact(IMAGE, "b"), Fact("kernel.arch", "aarch64")]
    assert {one.fact for one in differences(here, there, "cpu.primes")} == {IMAGE, "kernel.arch"}
    assert len(voids(here, there, "cpu.primes")) == 1
    assert not voids(here[:1], there[:1], "cpu.primes")


@pytest.fixture(scope="module")
def home(image: Image) -> Iterator[Home]:
    """A home whose store has the workload image and a small one of the foreign architecture."""
    with temporary_home(image.root.parent) as home:
        (home.data / "images").unlink()
        (home.data / "images").mkdir()
        (home.data / "images" / image.digest).symlink_to(image.root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_DATA_HOME", str(home.data.parent))
            build(SMALL.on(FOREIGN), print)
        yield home


@contextmanager
def entered(name: str, home: Home, image: Image, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    for key, value in home.environment().items():
        if key.startswith(("XDG_", "VBENCH_")):
            monkeypatch.setenv(key, value)
    target = Catalogue().target(name)
    assert not target.missing()
    with Ledger() as ledger, machine(image, ledger, 1, wired=True) as host, host.place(name) as place:
        with open_target(target, place, SETTINGS, ledger) as instance:
            yield instance
        made = [line for line in home.started() if "kind" in line]
    assert len(made) > 2
    assert not leftovers(home, made)


@root
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(1800)  # an image is built first
def test_programs_of_the_image_run_and_nobody_else_s_do(
    home: Home, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(HANDLERS.iterdir())
    with entered("arm64-user", home, image, monkeypatch) as inside:
        assert ask(inside, "cat /built-on; uname -m") == "aarch64\naarch64"
        assert ask(inside, "env python3 -c 'import os; print(os.popen(\"uname -m\").read())'") == "aarch64"
        assert os.uname().release == ask(inside, "uname -r"), "the kernel is ours"
        assert pinned_to(inside) == str(inside.place.cpus[0])
        assert memory_limit_of(inside.pipe.process.pid) == MEMORY
        assert ask(inside, "echo x > /data/y; cat /data/y") == "x"
        assert not inside.pipe.exec(["touch", "/etc/changed"]).ok
        assert ask(inside, "chown nobody /tmp && stat -c %U /tmp") == "nobody", "every user is there"
        assert (inside.accelerator, inside.place.labels) == ("tcg", ("emulated",))
        assert sorted(HANDLERS.iterdir()) == before, "the handler is of a namespace of its own"
    assert str(HANDLERS) not in Path("/proc/mounts").read_text()


@root
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(1800)  # an image is built first
def test_a_guest_of_a_foreign_architecture(home: Home, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    with entered("arm64", home, image, monkeypatch) as guest:
        assert ask(guest, "uname -m; nproc") == "aarch64\n1"
        assert ask(guest, "uname -r").endswith("-cloud-arm64")
        assert ask(guest, "echo x > /data/y; grep ' /data ' /proc/mounts | cut -d' ' -f3") == "ext4"
        assert reaches_the_peer(guest)
        assert (guest.accelerator, guest.place.labels) == ("tcg", ("emulated",))
        guest.freeze()
        guest.thaw()
        assert ask(guest, "echo still here") == "still here"


@root
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.zoo
@pytest.mark.timeout(1800)  # an image is built first
def test_other_binaries_are_no_identical_jobs_and_the_cell_says_so(home: Home) -> None:
    home.workload("quick", "echo rate 42")
    done = home.run(target="arm64-user", workload="own.quick")
    assert done.returncode == 0, done.stderr
    rows = json.loads(home.vbench("show", "--format", "json").stdout)["rows"]
    (row,) = (row for row in rows if row["target"] == "arm64-user")
    assert row["ratio"] is None
    assert "kernel.arch is x86_64 on bare and aarch64 here" in " ".join(row["warnings"])
    assert {"kernel.arch", "image.digest"} <= {one["fact"] for one in row["differences"]}
    assert row["accelerator"] == "tcg"
    header = home.header()
    assert header["variants"]["arm64-user"]["image.digest"] not in (header["digests"]["image"], "")
