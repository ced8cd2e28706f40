"""The wheel holds the linked folders below vbench and nothing beside it; the command works from it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(argv, check=True, capture_output=True)
    return next(folder.glob("vbench_suite-*.whl"))


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"vbench"}


def test_the_wheel_holds_what_runs_need(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (
        "vbench/probes/__init__.py",
        "vbench/reports/table.py",
        "vbench/workloads/disk/randread.toml",
        "vbench/workloads/disk/randread.fio",
        "vbench/workloads/network/pingpong.py",
        "vbench/image/recipe.toml",
        "vbench/image/init.sh",
        "vbench/agent/first.py",
        "vbench/py.typed",
    ):
        assert path in names
    assert not any("published" in name for name in names)


def test_the_command_works_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    script = "import sys; sys.argv[0] = 'vbench'; from vbench.cli import main; main()"
    argv = [sys.executable, "-P", "-c", script, "workloads"]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd="/", env={"PYTHONPATH": str(tmp_path)})
    assert "disk.randread" in done.stdout


def test_the_editable_install_adds_no_other_package() -> None:
    script = "import importlib.util as u; print([n for n in ('probes', 'workloads', 'reports') if u.find_spec(n)])"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd="/")
    assert done.stdout.strip() == "[]"
