"""The whole of `vbench probe` against the tools that it stands in for, one after the other."""

import shutil
import subprocess
import sys
import time

import pytest

from tests.bench.sides import Say, interleave, ratio_line

pytestmark = pytest.mark.bench
ROUNDS = 5
OTHERS = (["lscpu"], ["virt-what"], ["systemd-detect-virt"], ["kvm-ok"], [sys.executable, "-m", "cpuinfo"])


def seconds(argvs: list[list[str]]) -> float:
    """Return the seconds that some commands take in a row."""
    started = time.monotonic()
    for argv in argvs:
        subprocess.run(argv, capture_output=True, check=False)
    return time.monotonic() - started


def test_one_probe_is_quicker_than_the_tools_in_a_row(say: Say) -> None:
    here = [argv for argv in OTHERS if shutil.which(argv[0])]
    probe = [[sys.executable, "-m", "vbench", "probe", "--all"]]
    ours, theirs = interleave(lambda: seconds(probe), lambda: seconds(here), ROUNDS)
    names = ", ".join(argv[-1] for argv in here)
    say(f"vbench probe --all, against {names} in a row", ratio_line(ours, theirs), "ratio 1")
