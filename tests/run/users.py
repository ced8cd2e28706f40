"""A plain user of the test's own, removed afterwards with all that runs as it."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.agent.process import alive, soon

SUBORDINATE = ("--add-subuids", "700000-765535", "--add-subgids", "700000-765535")


@contextmanager
def plain_user(folder: Path) -> Iterator[pwd.struct_passwd]:
    """Make a user with subordinate ids whose home is `folder`."""
    name = f"vbtest{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--home-dir", str(folder), name], check=True, capture_output=True)
    try:
        subprocess.run(["usermod", *SUBORDINATE, name], check=True)
        yield pwd.getpwnam(name)
    finally:
        uid = pwd.getpwnam(name).pw_uid
        for pid in processes_of(uid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert soon(lambda: not processes_of(uid))
        subprocess.run(["userdel", name], check=True, capture_output=True)
        shutil.rmtree(folder)


def processes_of(uid: int) -> list[int]:
    """The living processes of a user and of its subordinate ids."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            owner = folder.stat().st_uid
            if (owner == uid or 700000 <= owner <= 765535) and alive(int(folder.name)):
                found.append(int(folder.name))
    return found


def python_for_all() -> str:
    """A Python of our version that every user may execute; skip the test where there is none."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        real = Path(path).resolve()
        if real.exists() and all(folder.stat().st_mode & 0o1 for folder in (real, *real.parents)):
            return path
    pytest.skip(f"no Python {version} that a plain user may execute")


def packages() -> str:
    """Where the packages of this Python are."""
    return str(Path(pytest.__file__).parents[1])
