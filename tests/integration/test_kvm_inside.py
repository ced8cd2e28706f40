"""vbench on a server with KVM: its wheel and the image in a guest whose emulated SVM gives it a real kvm_amd."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from shutil import copy2
from typing import Any

import pytest
from packaging.requirements import Requirement

from vbench.image import Image
from vbench.ledger import Ledger
from vbench.run.machine import machine
from vbench.targets.catalogue import Target
from vbench.targets.chain import Instance, open_target
from vbench.targets.hop import Entry
from vbench.targets.pipe import Outcome
from vbench.targets.place import Place, Settings
from vbench.targets.qemu import Qemu

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.getuid() != 0, reason="the inner vbench runs as root, as the outer one must to be its host"),
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the image's Python loads this one's wheels"),
]
ROOT = Path(__file__).parents[2]
SERVER = Settings(cpus=3, memory=3 * 2**30, accelerator="tcg")
PATIENCE = 600  # seconds that a command may take there: one took 230 at a load of 14 on 2 cores
TARGETS = 2  # CPUs of every target there, so that one is left
CPUS = tuple(sorted(os.sched_getaffinity(0)))
HOME, SITE, SERIAL = "/data/home", "/run/site", "packages"
MEMORY = 512 * 2**20  # bytes that a target has when nothing else is said
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# $1 the disk with the packages by its serial number, $2 where they are to be seen; $3 the disk with the image, $4 where
# that is to be. A server has these modules loaded; there is no udev here.
PREPARE = """
serial=$(grep -lx "$1" /sys/block/*/serial)
disk=${serial%/serial}
mkdir -p "$2" "$4/rootfs" /data/scratch
mount -o ro "/dev/${disk##*/}" "$2"
mount -o ro "$3" "$4/rootfs"
ln -s "$3" "$4/root.ext4"
modprobe tun
modprobe kvm_amd nested=0
"""
# While vbench runs: where QEMU's vCPUs may run, and the limits of the groups, as the kernel of that machine has them.
WATCHED = """
"$@" &
run=$!
while kill -0 $run 2>/dev/null; do
    for thread in $(cat /sys/fs/cgroup/vbench-*/cgroup.threads); do
        read -r name <"/proc/$thread/comm" && case $name in
        "CPU "*) echo "$name $(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$thread/status")" ;;
        esac
    done
    cat /sys/fs/cgroup/vbench-*/memory.max || :
    sleep 1
done >/data/watched 2>/dev/null
wait $run
"""


@dataclass(frozen=True)
class Server:
    """The emulated machine with vbench on it."""

    machine: Instance

    def sh(self, script: str, *words: str) -> str:
        done = self.machine.pipe.exec(["sh", "-ec", script, "sh", *words], timeout=PATIENCE)
        assert done.ok, done.complaint()
        return done.stdout

    def vbench(self, *words: str, around: Sequence[str] = ()) -> Outcome:
        done = self.run(*around, "python3", "-m", "vbench", *words)
        assert "Traceback" not in done.stderr
        return done

    def python(self, script: str) -> str:
        return self.run("python3", "-c", script).stdout

    def run(self, *argv: str) -> Outcome:
        places = {f"XDG_{kind}_HOME": f"{HOME}/{kind.lower()}" for kind in ("DATA", "CACHE", "CONFIG", "STATE")}
        env = {**places, "HOME": HOME, "PATH": PATH, "PYTHONPATH": SITE, "VBENCH_SCRATCH": "/data/scratch"}
        done = self.machine.pipe.exec(argv, timeout=PATIENCE, env=env, cwd="/data")
        assert done.ok, f"{done.complaint()}\n{done.stderr[-4000:]}"
        return done

    def targets(self) -> dict[str, dict[str, Any]]:
        listed = json.loads(self.vbench("targets", "--json").stdout)["targets"]
        return {target["name"]: target for target in listed}

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The lines of a file of its only run."""
        return [json.loads(line) for line in self.sh(f"cat {HOME}/data/vbench/runs/*/{name}").splitlines()]


@dataclass(frozen=True)
class WithPackages(Qemu):
    """A guest with one more disk than its own two."""

    packages: Path = field(kw_only=True)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        entry = super().enter(place, settings, stack)
        drive = ["-drive", f"file={self.packages},format=raw,if=none,id=packages,readonly=on"]
        return replace(entry, argv=[*entry.argv, *drive, "-device", f"virtio-blk-pci,drive=packages,serial={SERIAL}"])


def install(folder: Path) -> None:
    """Install the wheel, and everything that it says it needs and nothing else."""
    wheels = folder.with_name("wheels")
    python = [sys.executable, "-m"]
    build = [*python, "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*python, "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)], check=True)
    (ours,) = metadata.distributions(path=[str(folder)])
    todo, done = list(ours.requires or ()), {"vbench-suite"}
    while todo:
        needed = Requirement(todo.pop())
        if needed.name not in done and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            done.add(needed.name)
            found = metadata.distribution(needed.name)
            todo += found.requires or ()
            copy(found, folder)


def copy(package: metadata.Distribution, folder: Path) -> None:
    for file in package.files or ():
        if ".." not in file.parts and "tests" not in file.parts:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            copy2(file.locate(), folder / file)  # with its times: bytecode goes by them


def disk(folder: Path) -> Path:
    """A file system with the content of a folder."""
    size = sum(file.stat().st_size + 4096 for file in folder.rglob("*"))
    file = folder.with_suffix(".ext4")
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0"]
    subprocess.run(
        ["mke2fs", *options, "-d", str(folder), str(file), f"{size // 700}K"], check=True, capture_output=True
    )
    return file


@pytest.fixture(scope="module")
def server(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    install(folder / "site")
    hop = WithPackages(packages=disk(folder / "site"))
    with (
        Ledger(folder / "ledgers") as ledger,
        machine(image, ledger, 1, wired=False) as host,
        host.place("server") as place,
        open_target(Target("server", (hop,)), replace(place, cpus=CPUS), SERVER, ledger) as instance,
    ):
        server = Server(instance)
        where = f"{HOME}/data/vbench/images/{image.digest}"
        server.sh(PREPARE, SERIAL, SITE, instance.place.disk, where)
        instance.pipe.put(f"{where}/manifest.json", manifest(image))
        server.sh("mount --bind /dev/null /usr/bin/podman")  # which would want the tar
        yield server


def manifest(image: Image) -> bytes:
    """The image's manifest without the files that no folder needs: the tar, and the disk, which is a device there."""
    there = {name for name in image.manifest.files if image.file(name).is_relative_to(image.rootfs)}
    files = {name: image.manifest.files[name] for name in there}
    return image.manifest.model_copy(update={"files": files}).model_dump_json(by_alias=True).encode()


def test_kvm_is_chosen_by_a_boot_pinned_and_named(server: Server) -> None:
    words = ("run", "--target", "all", "--workload", "cpu.primes", "--profile", "smoke", "--seed", "1")
    server.vbench(*words, "--cpus", str(TARGETS), around=("sh", "-ec", WATCHED, "sh"))
    shown = json.loads(server.vbench("show", "--format", "json").stdout)
    rows = {row["target"]: row for row in shown["rows"]}
    assert rows["kvm"]["accelerator"] == "kvm"
    assert [(name, row["warnings"]) for name, row in rows.items() if row["value"] is None] == []
    facts = {difference["fact"] for row in rows.values() for difference in row["differences"]}
    assert "cpu.usable" not in facts, "bare and its containers are on as many CPUs as the guest has"
    assert rows.keys() >= {"bare", "bare2", "unshare", "bwrap", "kvm"}

    header = json.loads(server.sh(f"cat {HOME}/data/vbench/runs/*/run.json"))
    assert header["accelerator"] == {"accelerator": "kvm", "reason": "a guest booted under KVM", "booted": True}
    (guest,) = (one for one in server.lines("instances.jsonl") if one["target"] == "kvm")
    assert guest["labels"] == []
    assert (guest["accelerator"], guest["warnings"]) == ("kvm", [])
    command = guest["command"]
    assert command[command.index("-accel") + 1] == "kvm"
    assert command[command.index("-cpu") + 1] == "host"
    assert guest["facts"]["guest.pinning"] == "vCPU 0 on 1, vCPU 1 on 2"
    watched = server.sh("cat /data/watched").splitlines()
    assert {"CPU 0/KVM 1", "CPU 1/KVM 2"} <= set(watched), "what the kernel said while it ran"
    assert str(MEMORY) in watched, "cgroup v2 limits the memory"
    assert not server.sh("ls /data/scratch; ls -d /run/netns/* /sys/fs/cgroup/vbench-* 2>/dev/null || :")


@pytest.mark.zoo  # once in four runs it found nesting on, and nobody knows yet by whom
def test_nesting_that_is_off_is_said_with_a_fix_that_works(server: Server) -> None:
    nested = server.targets()["kvm/kvm"]
    assert not nested["runnable"]
    (lack,) = nested["missing"]
    assert lack == {"what": "nested virtualization", "fix": "modprobe -r kvm_amd && modprobe kvm_amd nested=1"}
    server.sh(lack["fix"])
    assert server.python("from vbench.targets.accelerator import emulated; print(emulated())") == "True\n"
    nested = server.targets()["kvm/kvm"]
    assert (nested["runnable"], nested["accelerator"], nested["labels"]) == (True, "kvm/kvm", [])
