"""`vbench targets`: what it says of a target, and that the commands it shows are the ones that are run."""

import json
import os
import shlex
from typing import Any

import pytest

from tests.cli.calls import call
from tests.run.command import Home
from tests.targets.entering import ROOT
from vbench.targets.catalogue import Catalogue

Capsys = pytest.CaptureFixture[str]
KEYS = ["name", "hops", "runnable", "accelerator", "accelerator_reason", "labels", "missing"]


def listed(capsys: Capsys, *words: str) -> dict[str, dict[str, Any]]:
    done = call(capsys, "targets", *words, "--json")
    document = json.loads(done.out)
    assert (done.code, document["schema"]) == (0, "vbench.targets/1")
    return {row["name"]: row for row in document["targets"]}


def test_the_list_has_every_target_and_the_keys_that_programs_rely_on(capsys: Capsys) -> None:
    rows = listed(capsys)
    assert list(rows) == Catalogue().names()
    assert all([key for key in row if key in KEYS] == KEYS for row in rows.values())
    assert rows["kvm/kvm"]["hops"] == ["qemu", "qemu"]
    assert rows["podman-rootless"]["labels"] == ["rootless"]
    assert all(row["missing"] for row in rows.values() if not row["runnable"])
    lines = call(capsys, "targets").out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines if line[1:2].strip()][1:] == list(rows)


def test_one_is_explained_with_its_needs_its_fixes_and_its_options(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    text = call(capsys, "targets", "kvm/bwrap", "lxc").out
    for said in (
        "kvm/bwrap cannot be run here.",
        "A QEMU guest with the agent as its init",
        "bubblewrap, the sandbox of Flatpak",
        "Missing      lxc-execute. Fix: apt-get install lxc",
        "  memory=...  memory of this target, such as 1G",
        "  disk=virtio-blk|",
    ):
        assert said in text
    assert max(map(len, text.splitlines())) <= 80
    assert "/bwrap/" not in text


def test_options_are_those_of_the_whole_path_once_each(capsys: Capsys) -> None:
    rows = listed(capsys, "kvm/kvm", "bwrap/kvm", "bare")
    keys = {name: [option["key"] for option in row["options"]] for name, row in rows.items()}
    assert keys["kvm/kvm"] == keys["bwrap/kvm"]
    assert len(set(keys["kvm/kvm"])) == len(keys["kvm/kvm"])
    assert keys["bare"][:3] == ["memory", "image", "cpu-quota"]
    (disk,) = [option for option in rows["kvm/kvm"]["options"] if option["key"] == "disk"]
    assert disk["default"] == "virtio-blk"
    assert {"nvme", "ahci"} <= set(disk["values"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kvn",), "There is no target 'kvn'. Did you mean 'kvm'?"),
        (("kvm:dsk=nvme",), "cannot take the option 'dsk'. Did you mean 'disk'?"),
    ],
)
def test_what_is_not_there_is_named(capsys: Capsys, words: tuple[str, ...], said: str) -> None:
    done = call(capsys, "targets", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


@pytest.mark.real
@pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
def test_commands_on_the_command_line(shared_home: Home) -> None:
    done = shared_home.vbench("targets", "bare", "bwrap/unshare", "bwrap/lxc", "--show-command", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["targets"]}
    (bare,) = rows["bare"]["commands"]
    assert (bare["hop"], bare["inside"]) == ("bare", "")
    assert shlex.split(bare["line"]) == bare["argv"]
    outer, inner = rows["bwrap/unshare"]["commands"]
    assert (outer["hop"], inner["hop"], inner["inside"]) == ("bwrap", "unshare", "bwrap")
    assert "unshare" in inner["argv"]
    assert "/proc/self" not in inner["line"]
    assert rows["bwrap/lxc"]["missing"]
    assert [name for name, row in rows.items() if row["obstacle"]] in ([], ["bwrap/lxc"])
    assert not list(shared_home.scratch.glob("vbench-*"))
    assert str(os.getpid()) not in done.stdout
