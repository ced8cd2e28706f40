"""What a guest boots: one of the image's two kernels, this machine's own or a file, and the initramfs with it.

The image's initramfs has the modules of virtio disks. Other devices and other kernels get theirs in an archive behind
it, which the kernel unpacks over it.
"""

import io
import os
import posixpath
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vbench.errors import HostError, unknown
from vbench.image import cpio, find
from vbench.image.initramfs import carried
from vbench.image.kernel import decompress
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.options import file
from vbench.targets.place import LIB, Place
from vbench.targets.spawn import run

IMAGE, GENERIC, HOST = "image", "generic", "host"
KERNELS = (IMAGE, GENERIC, HOST)
ALWAYS = ("virtio_pci", "virtio_console", "ext4")  # the way to the agent's pipe, and the root's file system
SELF = Path("/")  # where this machine has its own kernel and its modules
BUILD = "vbench image build"
RELEASE = re.compile(r"[\w.+~-]+", re.ASCII)
# $1 is a folder with lib/modules, $2 the kernel's release; the rest are modules, whose files come in the order to load.
SHOW = 'tree=$1 release=$2; shift 2; for name; do modprobe -d "$tree" -S "$release" --show-depends "$name"; done'


@dataclass(frozen=True)
class Kernel:
    """A kernel's file, its release, and the folder in whose lib/modules its modules are."""

    file: str
    release: str
    tree: str


def named(text: str) -> str:
    """Return the name of a kernel, or the whole path of a file that is one."""
    if text in KERNELS:
        return text
    if text.startswith("/"):
        return file(text)
    raise unknown("kernel", text, KERNELS)


def kernel_file(place: Place, name: str) -> str:
    """Return the file of a kernel."""
    if name == IMAGE:
        return place.kernel
    return name if name.startswith("/") else kernel(place, name).file


def kernel(place: Place, name: str) -> Kernel:
    """Return what is known of a kernel in a place; of a file, that it takes the modules of the image's own."""
    if name == HOST:
        release = _release(place.run(["uname", "-r"]))
        return Kernel(str(SELF / f"boot/vmlinuz-{release}"), release, str(SELF))
    home = posixpath.join(place.rootfs, LIB, *([GENERIC] if name == GENERIC else []))
    release = _release(place.run(["cat", f"{home}/release"]))
    return Kernel(name if name.startswith("/") else f"{home}/vmlinux", release, place.rootfs)


def initramfs(place: Place, base: str, carried: bytes = b"", before: bytes = b"") -> str:
    """Write the initramfs `base` with modules and agent behind it: a kernel unpacks archives one after the other.

    `before` is what init.sh shall do before it starts the agent.
    """
    agent, whole = place.path("agent.cpio"), place.path("initrd")
    start = cpio.archive([cpio.file("agent.pyz", pyz.pack()), cpio.file("start", before + pyz.start())])
    place.put(agent, carried + start)
    place.shell('cat "$1" "$2" > "$3"', base, agent, whole)
    return whole


def modules_of(place: Place, chosen: Kernel, modules: Iterable[str]) -> bytes:
    """Return the archive by which an initramfs loads just these modules and what they need, in place of its own."""
    said = place.shell(SHOW, chosen.tree, chosen.release, *modules).decode()
    paths = [line.split()[1] for line in said.splitlines() if line.startswith("insmod ")]
    packed = place.run(["tar", "-c", "--absolute-names", "--dereference", *dict.fromkeys(paths)]) if paths else b""
    return cpio.archive(carried(chosen.release, dict(_unpacked(packed))))


def _unpacked(packed: bytes) -> Iterable[tuple[str, bytes]]:
    if not packed:  # a kernel that has them all built in
        return
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            if source := archive.extractfile(member):
                yield PurePosixPath(member.name).name, decompress(source.read())


def missing(name: str, modules: Iterable[str]) -> list[Missing]:
    """Return what this machine, or the image that it would take, lacks to boot a guest with these modules."""
    if name.startswith("/"):
        return []
    try:
        image = find()
    except HostError:
        return []  # whoever needs it says so
    if name == HOST:
        tree, release, fix = SELF, _release(run(["uname", "-r"])), "leave kernel=host away"
        file = tree / f"boot/vmlinuz-{release}"
        if not os.access(file, os.R_OK):
            why = f"run as root, or chmod +r {file}" if file.exists() else f"apt-get install linux-image-{release}"
            return [Missing(f"this machine's own kernel in '{file}'", f"{why}, or add kernel={GENERIC}")]
    else:
        tree, fix = (
            image.rootfs,
            f"add kernel={GENERIC}" if name == IMAGE else f"add its name to the recipe, then {BUILD}",
        )
        home = tree / LIB / (GENERIC if name == GENERIC else "")
        try:
            release = _release((home / "release").read_bytes())
        except OSError:
            return [Missing(f"the {name} kernel in the workload image", BUILD)]
    there = available(tree, release)
    return [Missing(f"the module '{module}' of the kernel {release}", fix) for module in modules if module not in there]


def available(tree: Path, release: str) -> set[str]:
    """Return the names of the modules that a kernel has as files or built in."""
    lines: list[str] = []
    for name in ("modules.dep", "modules.builtin"):
        index = tree / "lib/modules" / release / name
        lines += index.read_text().splitlines() if index.exists() else []
    return {PurePosixPath(line.partition(":")[0]).name.partition(".")[0].replace("-", "_") for line in lines}


def _release(said: bytes) -> str:
    release = said.decode(errors="replace").strip()
    if not RELEASE.fullmatch(release):
        raise HostError(f"{release[:80]!r} is no release of a kernel.", f"Run `{BUILD} --fresh`.")
    return release
