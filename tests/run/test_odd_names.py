"""Names that a shell, an engine or a terminal would take for something else go through unharmed, or not at all."""

import json
import sys
from pathlib import Path

import pytest

from tests.run.command import Home, leftovers
from tests.run.test_bad_input import complains
from tests.targets.entering import ROOT

pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="namespaces and a host's name are root's")]
ODD = "a  b'$(touch pwned)\";touch pwned&|*?#%[red]é"  # short: a socket's path holds 107 bytes
BOXES = "unshare,bwrap,nspawn,lxc,runc,crun"
NAMED = """
import os, socket, sys
socket.sethostname(sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""


def unharmed(home: Home, folder: Path) -> None:
    assert {line["value"] for line in home.lines()} == {42.0}, home.lines()
    assert not list(home.folder.rglob("pwned"))
    assert not Path("pwned").exists()
    assert not leftovers(home, [])
    assert not list(folder.glob("vbench-*"))


def test_folders_with_an_odd_name(home: Home) -> None:
    """The image, the runs, the ledger and all that passes lie in them."""
    home.workload("fine", "echo rate 42")
    odd = home.folder / ODD
    (odd / "vbench").mkdir(parents=True)
    (odd / "vbench" / "images").symlink_to((home.data / "images").readlink())
    folders = {"XDG_DATA_HOME": str(odd), "XDG_STATE_HOME": str(odd), "VBENCH_SCRATCH": str(odd)}
    done = home.run(target=f"{BOXES},kvm", **folders)
    assert done.returncode == 0, done.stderr
    (run,) = (odd / "vbench" / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert {(line["target"], line["value"]) for line in lines} == {
        (target, 42.0) for target in ("bare", "bare2", "kvm", *BOXES.split(","))
    }, done.stderr
    assert not list(home.folder.rglob("pwned"))
    assert not list(odd.glob("vbench-*"))


def test_a_container_of_an_engine_with_an_odd_folder(shared_home: Home) -> None:
    home = shared_home
    home.workload("fine", "echo rate 42")
    odd = home.folder / ODD
    odd.mkdir(exist_ok=True)
    done = home.run(target="podman", workload="own.fine", VBENCH_SCRATCH=str(odd))
    assert done.returncode == 0, done.stderr
    unharmed(home, odd)


@pytest.mark.parametrize(
    ("variable", "sign"),
    [
        ("VBENCH_SCRATCH", ","),
        ("VBENCH_SCRATCH", ":"),
        ("VBENCH_SCRATCH", "\x1b"),
        ("XDG_DATA_HOME", "\\"),
        ("XDG_DATA_HOME", "\n"),
    ],
)
def test_a_sign_that_engines_take_for_a_separator_is_refused(home: Home, variable: str, sign: str) -> None:
    home.workload("fine", "echo rate 42")
    odd = home.folder / f"a{sign}b"
    odd.mkdir()
    complains(home.run(**{variable: str(odd)}), variable, "engines take for a separator")
    assert not list(odd.iterdir())


def test_a_label_and_a_host_with_odd_names(home: Home) -> None:
    home.workload("fine", "echo rate 42")
    label = f"{ODD}\n<script>alert(1)</script>\x1b[31m"
    host = "a'$(touch pwned)`touch pwned`[red]<script>\n\x1b[31m"
    prefix = ("unshare", "--uts", sys.executable, "-c", NAMED, host)
    words = ("run", "--target", "bare", "--workload", "own.*", "--profile", "smoke", "--label", f"k={label}")
    done = home.vbench(*words, "--workload-dir", str(home.folder / "workloads"), prefix=prefix)
    assert done.returncode == 0, done.stderr
    header = home.header()
    assert header["label"] == {"k": label}
    assert header["host"]["name"] == host
    for form in ("table", "md", "csv", "json", "latex"):
        shown = home.vbench("show", "--format", form)
        assert shown.returncode == 0, shown.stderr
        assert "\x1b" not in shown.stdout + done.stdout
    assert home.vbench("history", "own.fine").returncode == 0
    unharmed(home, home.scratch)
