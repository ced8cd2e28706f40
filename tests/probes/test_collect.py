"""The collector travels: an old Python, few imports, nothing that a snapshot should not hold."""

import ast
import os
import sys
from pathlib import Path

import pytest

from vbench.agent import collect_files

FILES = sorted((Path(__file__).parents[2] / "vbench" / "agent").glob("collect*.py"))
CHEAP = {"__future__", "os", "sys", "time"}  # what the interpreter has loaded already


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_parses_on_python_3_8_and_imports_nothing_dear_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    tops = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.name for node in tops if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in tops if isinstance(node, ast.ImportFrom) and not node.level}
    assert names <= CHEAP


def test_variables_of_pid_1_may_hold_secrets_and_stay_behind() -> None:
    environment = b"PASSWORD=x\0container=podman\0TOKEN=y\0container_uuid=z"
    assert collect_files._telling(environment) == b"container=podman\0container_uuid=z"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/sys/block/*/size", ["/sys/block/sda/size", "/sys/block/sdb/size"]),
        ("/sys/block/s*a/size", ["/sys/block/sda/size"]),
        ("/sys/block/*d*/size", ["/sys/block/sda/size", "/sys/block/sdb/size"]),
        ("/sys/block/sdaa*/size", []),
        ("/sys/nothing/*", []),
        ("/proc/cpuinfo", ["/proc/cpuinfo"]),
        (
            "/sys/fs/cgroup{}/cpu.max",
            ["/sys/fs/cgroup/a/b/cpu.max", "/sys/fs/cgroup/a/cpu.max", "/sys/fs/cgroup/cpu.max"],
        ),
        ("/sys/fs/cgroup/cpu{cpu}/x", ["/sys/fs/cgroup/cpu/x"]),
    ],
)
def test_patterns(pattern: str, expected: list[str]) -> None:
    def names(path: str) -> list[str]:
        return {"/sys/block": ["sdb", "sda"]}[path] if path == "/sys/block" else []

    groups = collect_files.own_groups(lambda _path, _limit: b"2:cpu:/\n0::/a/b\n")
    assert collect_files.expand(pattern, names, {}, groups) == expected


def test_a_control_group_that_leads_out_is_not_followed() -> None:
    assert collect_files.own_groups(lambda _path, _limit: b"0::/../../etc\n") == {"": [""]}


def test_reading_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        collect_files.read(str(tmp_path / "pipe"), 10)
    assert len(collect_files.read(sys.executable, 100)) == 100


def test_all_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_files, "TOTAL", 1000)
    taken = collect_files.gather(lambda _: ["a", "b"], lambda _, limit: b"x" * limit, lambda _: "", lambda _: False, {})
    assert sum(len(data) for _, data in taken["contents"].values()) <= 1000
