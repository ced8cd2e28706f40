"""The initramfs of a guest: busybox, the modules that lead to its disk and its port, and init.sh."""

import stat
from collections.abc import Mapping
from pathlib import Path

from vbench.errors import InputError
from vbench.image import cpio, tools
from vbench.image.kernel import decompress

_HERE = Path(__file__).parent
_APPLETS = ("cp", "mkdir", "modprobe", "mount", "poweroff", "sleep", "switch_root")


def build(tree: Path, release: str, modules: tuple[str, ...], busybox: bytes) -> bytes:
    """Return the archive; `tree` is a folder with lib/modules/RELEASE in it, indexed by depmod."""
    paths = in_order(tree, release, modules)
    entries = [
        cpio.Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        cpio.file("bin/busybox", busybox, 0o755),
        *(cpio.Entry(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox") for applet in _APPLETS),
        cpio.folder("root"),
        cpio.file("init", (_HERE / "init.sh").read_bytes(), 0o755),
        cpio.file("etc/fstab", (_HERE / "init.fstab").read_bytes()),
        *carried(release, {path.name: path.read_bytes() for path in paths}),
    ]
    return cpio.archive(entries)


def carried(release: str, files: Mapping[str, bytes]) -> list[cpio.Entry]:
    """Return what makes an initramfs load modules: their files by name, packed or not, in the order to load them."""
    modules = {name.split(".")[0]: decompress(data) for name, data in files.items()}
    home = f"lib/modules/{release}"
    return [
        cpio.file("modules", (" ".join(modules) + "\n").encode()),
        cpio.file(f"{home}/modules.dep", "".join(f"{name}.ko:\n" for name in modules).encode()),
        *(cpio.file(f"{home}/{name}.ko", data) for name, data in modules.items()),
    ]


def in_order(tree: Path, release: str, modules: tuple[str, ...]) -> list[Path]:
    """Return the files of the modules, each after what it depends on; what is built into the kernel has none."""
    files: dict[Path, None] = {}
    for module in modules:
        argv = ["modprobe", "-d", str(tree), "-S", release, "--show-depends", module]
        try:
            said = tools.run(argv, package="kmod")
        except OSError:
            remedy = "Correct 'modules' in the recipe, or name another kernel."
            raise InputError(f"The kernel {release} has no module '{module}'.", remedy) from None
        files |= {Path(line.split()[1]): None for line in said.splitlines() if line.startswith("insmod ")}
    return list(files)
