"""Machines of other architectures under QEMU's emulation: Debian's kernel, a Python and our agent in an initramfs.

What is foreign comes from Debian's mirror once and stays in the cache. A machine is entered as any guest of ours is:
its agent speaks through a virtio port, and its serial line is the console of an error.
"""

import hashlib
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from vbench import paths
from vbench.image import boot, cpio, initramfs, mmdebstrap, tools
from vbench.image.kernel import decompress
from vbench.ledger import Ledger
from vbench.probes import Snapshot
from vbench.store import snapshot
from vbench.targets import pyz
from vbench.targets.spawn import spawn

SUITE = "trixie"  # the first release with riscv64
# Alone: the mirror of security updates does not carry every architecture.
MIRROR = f"deb http://deb.debian.org/debian {SUITE} main"
KEPT = ("usr/bin/python3", "usr/lib/", "usr/lib64/")
LEFT_OUT = ("/gconv/", "/libcrypto.", "/libdb-", "/lib-dynload/_test")  # megabytes that no collector asks for
HELLO_SECONDS = 240.0  # eight in quiet; an emulator beside somebody else's jobs takes its time
PORT_SECONDS = 60
# The first program: load the modules, wait for the port, become the agent. A module for hardware that is not there
# refuses to load, which is part of the truth.
INIT = f"""#!/usr/bin/python3 -IS
import ctypes, os, time
libc = ctypes.CDLL(None)
libc.mount(b"devtmpfs", b"/dev", b"devtmpfs", 0, None)
for name in open("/modules/order").read().split():
    libc.syscall({{finit_module}}, os.open("/modules/" + name, os.O_RDONLY), b"", 0)
deadline = time.monotonic() + {PORT_SECONDS}
while time.monotonic() < deadline and not any(name.startswith("vport") for name in os.listdir("/dev")):
    time.sleep(0.05)
os.execv("/usr/bin/python3", ["python3", "-I", "-S", "-X", "utf8", "{pyz.AGENT}", "init"])
"""


@dataclass(frozen=True)
class Family:
    """An architecture by Debian's name: its kernel's package, the emulator and what brings it.

    `modules` are loaded where the kernel does not have them built in; `finit_module` is the number of that system call.
    """

    name: str
    kernel: str
    emulator: str
    package: str
    modules: tuple[str, ...] = ()
    finit_module: int = 273  # of every architecture that came after 2011
    bus: str = "pci"

    @property
    def key(self) -> str:
        """What a cached build must match: this family and this file."""
        return hashlib.sha256(repr(self).encode() + Path(__file__).read_bytes()).hexdigest()[:16]


def inside(family: Family, *options: str, append: str = "", scratch: Path) -> Snapshot:
    """Boot a machine with these options of QEMU and kernel parameters; return what the agent in it collected."""
    kernel, first = build(family)
    initrd = scratch / "initrd"
    agent = cpio.archive([cpio.file(pyz.AGENT.lstrip("/"), pyz.pack())])  # not cached: it changes with our sources
    initrd.write_bytes(first.read_bytes() + agent)
    argv = [
        *(family.emulator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "1G"),
        *("-chardev", "stdio,id=agent,signal=off", "-device", f"virtio-serial-{family.bus}"),
        *("-device", "virtserialport,chardev=agent,name=vbench.agent"),
        *("-chardev", "file,id=console,path=/proc/self/fd/2", "-serial", "chardev:console"),
        *("-kernel", str(kernel), "-initrd", str(initrd), "-append", f"panic=-1 cryptomgr.notests audit=0 {append}"),
        *options,
    ]
    with Ledger(scratch / "ledgers") as ledger, spawn(argv, " ".join(options), ledger) as pipe:
        pipe.hello(HELLO_SECONDS)
        return snapshot.of_agent(pipe.snapshot({}, HELLO_SECONDS))


def build(family: Family) -> tuple[Path, Path]:
    """Return the kernel and the initramfs of a family, from the cache or from Debian's mirror."""
    for command, package in ((family.emulator, family.package), ("mmdebstrap", "mmdebstrap")):
        if not shutil.which(command):
            pytest.fail(f"'{command}' is missing: apt-get install {package}", pytrace=False)
    home = paths.cache() / "tests" / f"zoo-{family.name}-{family.key}"
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as work:
            _fill(family, Path(work))
            (Path(work) / "done").rename(home)
    return home / "kernel", home / "initrd"


def _fill(family: Family, work: Path) -> None:
    tar, debs, done = work / "root.tar", work / "debs", work / "done"
    fetch = mmdebstrap._FETCH_KERNEL.format(package=family.kernel)
    words = [f"--architectures={family.name}", "--variant=extract", "--include=python3-minimal,libpython3-stdlib"]
    tools.run(["mmdebstrap", *words, f"--extract-hook={fetch}", SUITE, str(tar), MIRROR], package="mmdebstrap")
    (debs / family.kernel).mkdir(parents=True)
    done.mkdir()
    with tarfile.open(tar) as archive:
        members = {member.name.removeprefix("./"): member for member in archive}
        for name, member in members.items():
            if name.startswith("vbench-kernel/") and (file := archive.extractfile(member)):
                (debs / family.kernel / Path(name).name).write_bytes(file.read())
        unpacked = boot.unpack(family.kernel, debs)
        entries = [*_own(family), *_modules(family, unpacked), *_userland(archive, members)]
    (done / "initrd").write_bytes(cpio.archive(entries))
    shutil.copyfile(unpacked.vmlinuz, done / "kernel")


def _own(family: Family) -> Iterator[cpio.Entry]:
    yield cpio.file("init", INIT.format(finit_module=family.finit_module).encode(), 0o755)
    yield cpio.Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    # Python must have random numbers before devtmpfs is mounted and, with ACPI, before the kernel has any.
    yield cpio.Entry("dev/urandom", stat.S_IFCHR | 0o666, device=(1, 9))
    for name in ("lib", "lib64"):
        yield cpio.Entry(name, stat.S_IFLNK | 0o777, f"usr/{name}".encode())


def _modules(family: Family, unpacked: boot.Package) -> Iterator[cpio.Entry]:
    files = initramfs.in_order(unpacked.tree, unpacked.identity.release, family.modules)
    for file in files:
        yield cpio.file(f"modules/{file.name}", decompress(file.read_bytes()))
    yield cpio.file("modules/order", " ".join(file.name for file in files).encode())


def _userland(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Iterator[cpio.Entry]:
    for name, member in members.items():
        if not name.startswith(KEPT) or any(word in name for word in LEFT_OUT):
            continue
        if member.issym():
            yield cpio.Entry(name, stat.S_IFLNK | 0o777, member.linkname.encode())
        elif file := archive.extractfile(member):
            yield cpio.file(name, file.read(), member.mode & 0o777)
