"""Machines of other architectures: Debian's kernel and a Python in an initramfs, under QEMU's emulation."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vbench.agent import collect

MODULES = ("collect_files", "collect_system", "collect_cpu", "collect_kvm", "collect")
BEGIN, END = "VBENCH-BEGIN", "VBENCH-END"
INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
echo {BEGIN}
/usr/bin/python3.?? -I -S /program.py
echo
echo {END}
/bin/busybox poweroff -f
"""
LEFT_OUT = ("usr/share", "usr/lib/modules", "lib/modules", "boot", "var", "usr/lib/python3/")
MIRROR = "http://deb.debian.org/debian"  # alone: not every architecture has the security archive for long
SUITE = {"riscv64": "trixie"}  # the first release that has it; for the others the one before


def program() -> str:
    """The collector as one file: the agent's own pipe needs a virtio port, a serial line does not."""
    folder = Path(collect.__file__).parent
    lines = ["import json, sys, types", "sys.modules['va'] = types.ModuleType('va'); sys.modules['va'].__path__ = []"]
    for name in MODULES:
        source = (folder / f"{name}.py").read_text()
        lines += [
            f"module = types.ModuleType('va.{name}'); module.__package__ = 'va'",
            f"sys.modules['va.{name}'] = sys.modules['va'].{name} = module",
            f"exec(compile({source!r}, '{name}.py', 'exec'), module.__dict__)",
        ]
    return "\n".join([*lines, "print(json.dumps(sys.modules['va.collect'].snapshot({})))"])


def need(*commands: str) -> None:
    """Skip the test where one of these is missing."""
    for command in commands:
        if not shutil.which(command):
            pytest.skip(f"the command '{command}' is missing")


def build(arch: str, kernel: str, folder: Path) -> tuple[Path, Path]:
    """Return the kernel and the initramfs of an architecture, made in `folder` from Debian's packages."""
    root, initrd = folder / f"root-{arch}", folder / f"initrd-{arch}"
    include = f"--include=python3,{kernel},busybox-static"
    words = ["mmdebstrap", "--quiet", f"--architectures={arch}", "--variant=extract", include]
    subprocess.run([*words, SUITE.get(arch, "bookworm"), root, MIRROR], check=True, timeout=500)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    (root / "program.py").write_text(program())
    for name in ("proc", "sys", "dev"):
        (root / name).mkdir(exist_ok=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        if not (root / name).exists() and (root / "usr" / name).is_dir():
            (root / name).symlink_to(f"usr/{name}")
    names = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*"))]
    kept = "\n".join(name for name in names if not name.startswith(LEFT_OUT))
    with initrd.open("wb") as file:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=kept.encode(), stdout=file, cwd=root, check=True)
    return next((root / "boot").glob("vmlinu[xz]-*")), initrd


def boot(argv: list[str], kernel: Path, initrd: Path, append: str) -> dict[str, Any]:
    """Return the snapshot that a machine printed on its serial line."""
    more = ["-nographic", "-no-reboot", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-m", "1536"]
    files = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", f"rdinit=/init loglevel=3 {append}"]
    done = subprocess.run(
        [*argv, *more, *files], stdin=subprocess.DEVNULL, capture_output=True, timeout=500, check=False
    )
    said = done.stdout.decode(errors="replace").partition(BEGIN)[2].partition(END)[0]
    line = next((line for line in said.splitlines() if line.startswith('{"json"')), None)
    assert line, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(line)
    return found
