import shutil
from pathlib import Path

import pytest

from vbench import config
from vbench.errors import InputError

EXAMPLES = Path(__file__).parents[2] / "docs/examples/workloads"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the example folder."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "mine"))


def refused(*folders: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        config.workloads(folders)
    return caught.value


def test_a_users_folder_joins_the_shipped_ones(folder: Path) -> None:
    mine = {workload.name: workload for workload in config.workloads([folder])}
    assert mine.keys() - {workload.name for workload in config.workloads()} == {"app.sort"}
    assert mine["app.sort"].contents["sort.py"] == (folder / "app/sort.py").read_bytes()


def test_a_relative_folder_is_fine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert "app.sort" in {workload.name for workload in config.workloads([Path()])}


def test_a_name_that_is_there_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    error = refused(folder, other)
    assert "'app.sort'" in error.message
    assert str(folder) in error.message
    assert str(other) in error.message


def test_a_shipped_name_is_refused(folder: Path) -> None:
    (folder / "app").rename(folder / "cpu")
    (folder / "cpu/sort.toml").rename(folder / "cpu/primes.toml")
    text = (folder / "cpu/primes.toml").read_text()
    (folder / "cpu/primes.toml").write_text(text.replace("app.sort", "cpu.primes"))
    assert "both hold the workload 'cpu.primes'" in refused(folder).message


def test_a_folder_without_workloads_is_refused(tmp_path: Path) -> None:
    assert f"'{tmp_path}' holds no workload" in refused(tmp_path).message
    assert "'FAMILY/NAME.toml'" in refused(tmp_path / "absent").remedy


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "app/sort.py").unlink()
    assert f"'{folder}/app/sort.py' cannot be read: No such file" in refused(folder).message


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "app/sort.py").unlink()
    (folder / "app/sort.py").symlink_to("/etc/passwd")
    error = refused(folder)
    assert "'sort.py'" in error.message
    assert "not in the same folder" in error.message


def test_a_folder_or_pipe_in_the_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "app/sort.py").unlink()
    (folder / "app/sort.py").mkdir()
    assert "is no file" in refused(folder).message


def test_a_file_that_is_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_LARGEST", 100)
    assert "more than 100 bytes" in refused(folder).message


def test_a_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "app/sort.toml").write_bytes(b"name = '\xff'")
    assert "is not UTF-8" in refused(folder).message


CONFIG = """\
[settings]
cpus = 2
memory = "1G"

[target.half]
argv = ["cgexec", "-g", "cpu:half", "chroot", "{rootfs}", "{command}"]
"""


def test_a_file_of_settings_and_ways_in_is_read(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(CONFIG)
    read = config.read(tmp_path / "lab.toml")
    assert (read.settings.cpus, read.settings.memory_bytes()) == (2, 2**30)
    assert read.target["half"].argv[-1] == "{command}"


def test_the_nearest_file_is_read_and_none_is_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, home = tmp_path / "here", tmp_path / "home/vbench"
    here.mkdir()
    home.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    assert config.read() == config.Config()
    assert config.read().settings.memory_bytes() is None
    (home / "vbench.toml").write_text("[settings]\ncpus = 3\n")
    assert config.read().settings.cpus == 3
    (here / "vbench.toml").write_text("[settings]\ncpus = 4\n")
    assert config.read().settings.cpus == 4


@pytest.mark.parametrize(
    ("old", "new", "message", "remedy"),
    [
        ("cpus =", "cpu =", "no key 'settings.cpu'", "'settings.cpus'"),
        ("[settings]", "[setings]", "no key 'setings'", "'settings'"),
        ("argv =", "agrv =", "no key 'target.half.agrv'", "'target.half.argv'"),
        ("cpus = 2", "cpus = 0", "'settings.cpus' holds 0", "greater than 0"),
        ("cpus = 2", "cpus = 1.5", "'settings.cpus' holds 1.5", "valid integer"),
        ("1G", "1 lump", "'1 lump' is not a size", "512M"),
        ("target.half", "target.'a/b'", "'a/b' is no name", "a-z"),
        ("{command}", "{comand}", "no placeholder '{comand}'", "'{command}'"),
        ('"{command}"', '"sh -c {command}"', "no place for the agent", "'{command}'"),
    ],
)
def test_what_is_wrong_in_it_is_named(tmp_path: Path, old: str, new: str, message: str, remedy: str) -> None:
    assert old in CONFIG
    file = tmp_path / "lab.toml"
    file.write_text(CONFIG.replace(old, new))
    with pytest.raises(InputError) as caught:
        config.read(file)
    assert message in caught.value.message
    assert str(file) in caught.value.message
    assert remedy in caught.value.remedy


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        config.read(tmp_path / "absent.toml")
