"""The recorded machines of other projects. They are no part of the repository: they lie beside its checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MACHINES = CHECKOUT.parent / "shared" / "machines"


@pytest.mark.slow
@pytest.mark.skipif(not MACHINES.is_dir(), reason=f"the recorded machines are not at '{MACHINES}'")
def test_99_percent_of_the_recorded_truth_and_95_in_every_set() -> None:
    argv = [sys.executable, str(MACHINES / "check_probes.py"), "--vbench", f"{sys.executable} -m vbench"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
