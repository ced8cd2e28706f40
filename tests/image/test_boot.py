"""A guest boots the default image, by the command line that targets use, to a program in the agent's place."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from vbench.image import Image, cpio
from vbench.image.disk import _UUID

pytestmark = pytest.mark.real

# Says what it finds, then switches the guest off.
STUB = """
import ctypes, os
port = next(p for p in os.listdir("/sys/class/virtio-ports"))
with open("/dev/" + port, "w") as pipe:
    print("pid", os.getpid(), file=pipe)
    print(open("/proc/mounts").read(), file=pipe)
    print("modules", os.path.isdir("/lib/modules/" + os.uname().release), file=pipe)
    for where in ("/run/x", "/tmp/x", "/etc/x"):
        try:
            open(where, "w").close()
            print("wrote", where, file=pipe)
        except OSError as error:
            print("refused", where, error.strerror, file=pipe)
    print(open("/usr/lib/vbench/agent.pyz").read(), file=pipe)
    print("END", file=pipe)
os.sync()
ctypes.CDLL(None).reboot(0x4321FEDC)
"""
APPEND = (
    "console=ttyS0 panic=-1 quiet tsc=reliable no_timer_check mitigations=off nokaslr cryptomgr.notests lsm= audit=0"
)


def agent() -> bytes:
    start = f"start={shlex.quote(STUB)}\n".encode()
    return cpio.archive([cpio.file("agent.pyz", b"the zip"), cpio.file("start", start)])


def boot(image: Image, folder: Path, extra: bytes, *, disk: bool = True) -> tuple[str, str]:
    """Return what a guest with `extra` behind its initramfs says through the port and on its console."""
    (folder / "initrd").write_bytes(image.initramfs.read_bytes() + extra)
    port, console = folder / "port", folder / "console"
    argv = [
        "qemu-system-x86_64",
        "-M",
        "q35",
        "-accel",
        "tcg",
        "-cpu",
        "EPYC",
        "-m",
        "512",
        "-nodefaults",
        "-no-user-config",
    ]
    argv += ["-display", "none", "-serial", f"file:{console}", "-no-reboot"]
    argv += ["-chardev", f"file,id=agent,path={port}", "-device", "virtio-serial"]
    argv += ["-device", "virtserialport,chardev=agent,name=vbench.agent"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(folder / "initrd"), "-append", APPEND]
    if disk:
        argv += [
            "-drive",
            f"file={image.disk},format=raw,if=none,id=d0,readonly=on",
            "-device",
            "virtio-blk-pci,drive=d0",
        ]
    subprocess.run(argv, check=True, timeout=60, stderr=subprocess.DEVNULL)
    return port.read_text(), console.read_text(errors="replace")


def test_the_agent_is_pid_1_on_the_image_s_read_only_root(image: Image, tmp_path: Path) -> None:
    said, console = boot(image, tmp_path, agent())
    assert "pid 1\n" in said, console
    assert re.search(r"^/dev/vda / ext4 ro", said, re.MULTILINE)
    assert re.search(r"^run /run tmpfs rw.*mode=755", said, re.MULTILINE)
    assert {"wrote /run/x", "wrote /tmp/x", "refused /etc/x Read-only file system", "modules True", "the zip"} <= {
        *said.splitlines()
    }
    assert said.rstrip().endswith("END")


@pytest.mark.parametrize(
    ("extra", "disk", "sentence"),
    [
        (b"", True, "vbench: the guest could not start: mount: mounting /agent.pyz on"),
        (agent(), False, f"vbench: the guest could not start: mount: mounting UUID={_UUID} on /root failed"),
    ],
    ids=["no agent", "no disk"],
)
def test_a_guest_that_cannot_start_says_why_and_ends(
    image: Image, tmp_path: Path, extra: bytes, disk: bool, sentence: str
) -> None:
    said, console = boot(image, tmp_path, extra, disk=disk)
    assert said == ""
    assert sentence in console
