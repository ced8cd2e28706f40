"""The zip that travels: the same bytes from everywhere, and fit for every Python from 3.8 on."""

import ast
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.agent.process import HELLO, start_agent
from vbench.errors import JobError
from vbench.targets import pyz
from vbench.targets.pipe import Pipe

ROOT = Path(__file__).parents[2]
PACK = "import sys; from vbench.targets import pyz; sys.stdout.buffer.write(pyz.pack())"
OLDEST = (3, 8)
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def test_another_folder_umask_time_and_zone_give_the_same_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "vbench"
    shutil.copytree(ROOT / "vbench", copy, symlinks=False, ignore=shutil.ignore_patterns("__pycache__", "published"))
    for file in (copy / "agent").iterdir():
        os.utime(file, (86400 * 4000, 86400 * 4000))
        file.chmod(0o600)
    settings = {**os.environ, "PYTHONPATH": str(copy.parent), "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"}
    argv = ["sh", "-c", 'umask 077; exec "$@"', "sh", sys.executable, "-P", "-c", PACK]
    packed = subprocess.run(argv, check=True, capture_output=True, env=settings, cwd=tmp_path).stdout
    assert hashlib.sha256(packed).hexdigest() == hashlib.sha256(pyz.pack()).hexdigest()


def test_the_digest_in_the_zip_is_of_what_is_in_it() -> None:
    with zipfile.ZipFile(io.BytesIO(pyz.pack())) as archive:
        whole = hashlib.sha256()
        told = f'DIGEST = "{pyz.digest()}"'.encode()
        assert told in archive.read(pyz.FIRST)
        for name in sorted(set(archive.namelist()) - {"__main__.py"}):
            source = archive.read(name).replace(told, pyz.UNPACKED)
            whole.update(f"{name}\0{len(source)}\0".encode() + source)
    assert whole.hexdigest() == pyz.digest()


def test_every_source_is_in_the_language_of_the_oldest_python() -> None:
    assert len(pyz.sources()) >= 8
    for name, source in pyz.sources().items():
        ast.parse(source, name, feature_version=OLDEST)


def pythons() -> list[str]:
    """Every Python on this machine that the agent is made for."""
    places = [*Path("/usr/bin").glob("python3.*"), *Path("/usr/local/bin").glob("python3.*")]
    places += [*(Path.home() / ".pyenv/versions").glob("*/bin/python3"), Path(sys.executable)]
    found = {}
    for place in sorted(places):
        done = subprocess.run([place, "-c", VERSION], check=False, capture_output=True, text=True)
        if done.returncode == 0 and tuple(map(int, done.stdout.split("."))) >= OLDEST:
            found[done.stdout.strip()] = str(place)
    return sorted(found.values())


@pytest.mark.parametrize("python", pythons())
def test_it_works_under_every_python_of_this_machine(agent_file: Path, python: str) -> None:
    with start_agent([python, "-I", "-S", str(agent_file)]) as process:
        pipe = Pipe(process, "agent")
        pipe.hello(HELLO)
        assert pipe.exec(["sh", "-c", "cat; ulimit -c"], stdin="in ", limits={"core": 0}).stdout == "in 0\n"
        pipe.stop(pipe.start(["sh", "-c", "echo up; sleep 4723"], until="up", timeout=HELLO, env={}, cwd="/"))
        assert pipe.get("/proc/self/cmdline").startswith(python.encode())
        assert pipe.snapshot({"kvm": False})["json"]["schema"] == "vbench.snapshot/1"
        with pytest.raises(JobError, match="KeyError: 'dance'"):
            pipe.request("dance", HELLO)
        pipe.chain([python, "-I", "-S", str(agent_file)], HELLO)
        assert pipe.console.last() == ""
        pipe.close()
        assert process.returncode == 0
