"""What bad input gets: one sentence that names it, the remedy, exit code 2, and never a traceback."""

import os
import shutil
from pathlib import Path

import pytest

from tests.run.command import Done, Home
from vbench.targets.boxes import BOXES

QUICK = ("--target", "bare", "--workload", "cpu.primes", "--profile", "smoke")


def complains(done: Done, *words: str, code: int = 2) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, "one sentence and its remedy"
    assert lines[0].startswith("vbench: ")
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--target", "podmn"), ("There is no target 'podmn'.", "Did you mean 'podman'?")),
        (("run", "--target", "kvm/podmn"), ("There is no target 'podmn'.", "Did you mean 'podman'?")),
        (("run", "--target", "bare,moon"), ("There is no target 'moon'.", "Known: ")),
        (("run", "--workload", "cpu.prime"), ("'cpu.prime'", "cpu.primes")),
        (("run", "--workload", "x.*"), ("'x.*'",)),
        (("run", "--tag", "quik"), ("'quik'", "quick")),
        (("run", "--profile", "smok"), ("There is no profile 'smok'.", "Did you mean 'smoke'?")),
        (("run", "--accelerator", "kmv"), ("There is no accelerator 'kmv'.", "Did you mean 'kvm'?")),
        (("run", "--memory", "abc"), ("'abc' is not a size.", "512M")),
        (("run", "--memory", "0"), ("'0' is not a size.",)),
        (("run", "--cpus", "0"), ("'--cpus'",)),
        (("run", "--cpus", "4711", *QUICK), ("4711 CPUs are asked for and", "Use --cpus")),
        (("run", "--cpus", "two"), ("'--cpus'",)),
        (("run", "--label", "x"), ("The label 'x' has no '='.", "KEY=VALUE")),
        (("run", "--seed", "x"), ("'--seed'",)),
        (("run", "--resume", "1999"), ("There is no run '1999'",)),
        (("run", "--resume", "@latest"), ("There is no run '@latest': none was made yet.",)),
        (("run", "--config", "/no/such.toml"), ("'/no/such.toml' cannot be read",)),
        (("run", "--workload-dir", "/no/such"), ("'/no/such' holds no workload.",)),
        (("run", "--nonsense"), ("--nonsense",)),
        (("show", "1999"), ("There is no run '1999'",)),
        (("show", "/no/such/bundle"), ("'/no/such/bundle' is no run bundle",)),
        (("dance",), ("'dance'",)),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else None,
)
def test_words_that_stand_for_nothing(home: Home, words: tuple[str, ...], said: tuple[str, ...]) -> None:
    complains(home.vbench(*words), *said)
    assert not home.bundles()
    assert not list(home.scratch.iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[settings]\nmemry = '1G'", ("vbench.toml", "'settings.memry'", "Did you mean 'settings.memory'?")),
        ("[settings]\nmemory = 'much'", ("vbench.toml", "'much' is not a size")),
        ("[target.x]\nargv = ['chroot', '/']", ("vbench.toml", "{command}")),
        ("[target.x]\nargv = []", ("vbench.toml", "argv")),
        ("[target.X]\nargv = ['{command}']", ("vbench.toml", "'X'")),
        ("[target.x]\nargv = ['{comand}', '{command}']", ("vbench.toml", "{comand}")),
        ("[target", ("vbench.toml", "is not TOML")),
        ("a = 1\0", ("vbench.toml",)),
    ],
)
def test_a_vbench_toml_that_is_wrong(home: Home, text: str, said: tuple[str, ...]) -> None:
    (home.folder / "vbench.toml").write_text(text)
    complains(home.vbench("run"), *said)


def test_a_program_of_the_users_own_way_in_is_missing(home: Home) -> None:
    home.targets(mine=["no-such-program", "{command}"])
    complains(home.vbench("run", "--target", "mine"), "'mine' cannot run here: no-such-program is missing.", "install")


def test_a_bundle_that_is_damaged_is_named(home: Home) -> None:
    run = home.data / "runs" / "20260101-000000-aaaa"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{")
    complains(home.vbench("show"), "is no run bundle")
    (run / "run.json").write_text('{"schema": "vbench.run/9"}')
    complains(home.vbench("show"), "has the schema 'vbench.run/9'", "Use the vbench that made it.")


def test_without_an_image_the_fix_is_named(home: Home) -> None:
    (home.data / "images").unlink()
    complains(home.vbench("run", *QUICK), "There is no workload image.", "vbench image build")


@pytest.fixture
def path_without(tmp_path: Path) -> str:
    """A PATH with every program of this machine but podman and QEMU."""
    for folder in os.get_exec_path():
        for program in Path(folder).glob("*"):
            link = tmp_path / program.name
            if not program.name.startswith(("podman", "qemu-system")) and not link.is_symlink():
                link.symlink_to(program)
    return str(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="podman would lack root first")
def test_an_engine_that_is_missing_is_named_with_its_package(home: Home, path_without: str) -> None:
    home.workload("fine", "echo rate 42")
    for target, program, package in (
        ("podman", "podman", "podman"),
        ("podman-rootless", "podman", "podman"),
        ("kvm", "qemu-system-", "qemu-system-"),
        ("kvm/kvm", "qemu-system-", "qemu-system-"),
    ):
        said = f"The target '{target}' cannot run here: {program}", f"Fix: apt-get install {package}"
        complains(home.run(target=target, PATH=path_without), *said)
    done = home.run(target="all", PATH=path_without)
    assert done.returncode == 0, done.stderr
    assert {line["target"] for line in home.lines()} == {"bare", "bare2", "gvisor", *(box.name for box in BOXES)}
    shown = " ".join(done.stdout.split())
    for target in ("podman", "podman-rootless", "kvm", "kvm/kvm"):
        assert f"{target} was left out: " in shown
    assert not (home.folder / "cache").exists() or not list((home.folder / "cache").rglob("accelerator*"))


def test_a_state_folder_that_cannot_be_made_is_named(home: Home) -> None:
    shutil.rmtree(home.folder / "state", ignore_errors=True)
    (home.folder / "state").write_text("")
    complains(home.vbench("run", *QUICK), "cannot be made: ", "XDG_STATE_HOME")
