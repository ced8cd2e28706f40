"""Knobs turned and turned back: on trees made for it, through a SIGKILL at every line, and one of this machine."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.run.live_knob import ALLOWED, borrowed
from vbench.errors import HostError, InputError
from vbench.run.quiet import journal as journal_module
from vbench.run.quiet import knobs as knobs_module
from vbench.run.quiet import tune as tune_module
from vbench.run.quiet.journal import Change, Journal
from vbench.run.quiet.knobs import KNOBS, knob_of, settings
from vbench.run.quiet.tune import Turn, tune, undo

GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy{}/scaling_governor"
THP = "/sys/kernel/mm/transparent_hugepage/enabled"
BALANCING = "/proc/sys/kernel/numa_balancing"
COMPACTION = "/proc/sys/vm/compaction_proactiveness"
NOISY = {
    GOVERNOR.format(0): "schedutil",
    GOVERNOR.format(1): "powersave",
    "/sys/devices/system/cpu/intel_pstate/no_turbo": "0",
    THP: "always",
    "/sys/kernel/mm/ksm/run": "1",
    BALANCING: "1",
    COMPACTION: "20",
}
QUIET = {
    GOVERNOR.format(0): "performance",
    GOVERNOR.format(1): "performance",
    "/sys/devices/system/cpu/intel_pstate/no_turbo": "1",
    THP: "madvise",
    "/sys/kernel/mm/ksm/run": "0",
    BALANCING: "0",
    COMPACTION: "0",
}
FIRST, SECOND = "boot-1", "boot-2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    fill(tree, NOISY)
    return tree


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def fill(root: Path, values: dict[str, str]) -> None:
    for path, value in values.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")


def holds(root: Path) -> dict[str, str]:
    return {path: (root / path.lstrip("/")).read_text().strip() for path in NOISY}


def states(turns: list[Turn]) -> dict[str, str]:
    return {turn.path: turn.state for turn in turns}


def test_tuning_quiets_every_knob_and_undoing_restores_each(root: Path, journal: Journal) -> None:
    assert set(states(tune(journal, root, FIRST)).values()) == {"tuned"}
    assert holds(root) == QUIET
    assert set(states(undo(journal, root, FIRST)).values()) == {"restored"}
    assert holds(root) == NOISY
    assert not journal.path.exists()
    assert undo(journal, root, FIRST) == []


def test_the_journal_is_on_disk_before_the_first_knob_is_written(
    root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []
    write = knobs_module.write

    def watched(tree: Path, path: str, value: str) -> None:
        seen.append({change.path: change.before for change in journal.read()})
        write(tree, path, value)

    monkeypatch.setattr(tune_module, "write", watched)
    tune(journal, root, FIRST)
    assert seen == [NOISY] * len(NOISY)


def test_a_quiet_knob_is_neither_written_nor_journaled(root: Path, journal: Journal) -> None:
    fill(root, {THP: "never", BALANCING: "0"})
    before = (root / THP.lstrip("/")).stat().st_mtime_ns
    found = states(tune(journal, root, FIRST))
    assert (found[THP], found[BALANCING]) == ("quiet", "quiet")
    assert (root / THP.lstrip("/")).stat().st_mtime_ns == before
    assert {THP, BALANCING}.isdisjoint(change.path for change in journal.read())


def test_a_choice_in_brackets_is_read_as_its_chosen_word(root: Path, journal: Journal) -> None:
    fill(root, {THP: "[always] madvise never"})
    tune(journal, root, FIRST)
    assert {change.path: change.before for change in journal.read()}[THP] == "always"


def test_a_second_tuning_keeps_the_originals(root: Path, journal: Journal) -> None:
    tune(journal, root, FIRST)
    extra = GOVERNOR.format(2)
    fill(root, {extra: "ondemand"})  # a CPU that came later
    again = states(tune(journal, root, FIRST))
    assert again[extra] == "tuned"
    assert again[BALANCING] == "quiet"
    undo(journal, root, FIRST)
    assert holds(root) == NOISY
    assert (root / extra.lstrip("/")).read_text() == "ondemand"


def test_what_somebody_else_changed_is_named_and_left_alone(root: Path, journal: Journal) -> None:
    tune(journal, root, FIRST)
    fill(root, {COMPACTION: "7"})
    again = {turn.path: turn for turn in tune(journal, root, FIRST)}
    assert (again[COMPACTION].state, again[COMPACTION].now) == ("changed by others", "7")
    assert "'20'" in again[COMPACTION].note
    turned = {turn.path: turn for turn in undo(journal, root, FIRST)}
    assert turned[COMPACTION].state == "changed by others"
    assert "'20'" in turned[COMPACTION].note
    assert holds(root) == {**NOISY, COMPACTION: "7"}
    assert not journal.path.exists()
    assert states(tune(journal, root, FIRST))[COMPACTION] == "tuned"
    undo(journal, root, FIRST)
    assert holds(root)[COMPACTION] == "7"


def test_after_a_reboot_only_what_still_holds_our_value_is_restored(root: Path, journal: Journal) -> None:
    tune(journal, root, FIRST)
    fill(root, {**NOISY, BALANCING: "0", COMPACTION: "30"})  # the kernel's defaults; one kept ours, one has a new one
    turned = {turn.path: turn for turn in undo(journal, root, SECOND)}
    assert turned.pop(BALANCING).state == "restored"
    assert turned.pop(COMPACTION).state == "changed by others"
    assert {turn.state for turn in turned.values()} == {"original"}
    assert all("reboot" in turn.note for turn in turned.values())
    assert holds(root) == {**NOISY, COMPACTION: "30"}
    assert not journal.path.exists()


def test_tuning_after_a_reboot_takes_the_new_originals(root: Path, journal: Journal) -> None:
    tune(journal, root, FIRST)
    fill(root, {**NOISY, COMPACTION: "30"})
    tune(journal, root, SECOND)
    undo(journal, root, SECOND)
    assert holds(root) == {**NOISY, COMPACTION: "30"}


def test_a_knob_that_went_away_stays_in_the_journal_until_a_reboot(root: Path, journal: Journal) -> None:
    tune(journal, root, FIRST)
    gone = GOVERNOR.format(1)
    (root / gone.lstrip("/")).unlink()
    assert states(undo(journal, root, FIRST))[gone] == "gone"
    assert [change.path for change in journal.read()] == [gone]
    fill(root, {gone: "performance"})
    assert states(undo(journal, root, FIRST)) == {gone: "restored"}
    assert holds(root) == NOISY
    tune(journal, root, FIRST)
    (root / gone.lstrip("/")).unlink()
    undo(journal, root, SECOND)
    assert not journal.path.exists()


def test_a_refusal_is_told_for_each_knob_and_leaves_no_trace(
    root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_tree: Path, _path: str, _value: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tune_module, "write", refuse)
    turns = tune(journal, root, FIRST)
    assert {turn.state for turn in turns} == {"refused"}
    assert all("Permission denied" in turn.note for turn in turns)
    assert holds(root) == NOISY
    assert not journal.path.exists()


def test_undoing_without_permission_keeps_the_journal(
    root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(journal, root, FIRST)
    kept = journal.read()

    def refuse(_tree: Path, _path: str, _value: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(tune_module, "write", refuse)
        assert set(states(undo(journal, root, FIRST)).values()) == {"refused"}
    assert journal.read() == kept
    undo(journal, root, FIRST)
    assert holds(root) == NOISY


def test_a_value_that_the_kernel_bends_is_put_back(
    root: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = knobs_module.write

    def bend(tree: Path, path: str, value: str) -> None:
        write(tree, path, "3" if value == "0" else value)

    monkeypatch.setattr(tune_module, "write", bend)
    found = states(tune(journal, root, FIRST))
    assert (found[BALANCING], found[THP]) == ("refused", "tuned")
    assert holds(root)[BALANCING] == "1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "vbench.tuning/2", "changes": []}', "\xff\0"])
def test_a_damaged_journal_is_an_error_and_touches_nothing(root: Path, journal: Journal, text: str) -> None:
    journal.folder.mkdir()
    journal.path.write_text(text)
    with pytest.raises(InputError, match="damaged"):
        undo(journal, root, FIRST)
    with pytest.raises(InputError, match="damaged"):
        tune(journal, root, FIRST)
    assert holds(root) == NOISY
    assert journal.path.read_text() == text


@pytest.mark.parametrize("path", ["/etc/passwd", f"{BALANCING}/../core_pattern", "/sys/../etc/x", "proc/sys/x"])
def test_a_journal_that_names_a_file_that_is_no_knob_is_refused(root: Path, journal: Journal, path: str) -> None:
    journal.folder.mkdir()
    journal.write([Change(path, "before", "ours", FIRST)])
    with pytest.raises(InputError, match="damaged"):
        undo(journal, root, FIRST)


def test_without_a_place_for_the_journal_no_knob_is_touched(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="cannot be written"):
        tune(Journal(tmp_path / "file" / "state"), root, FIRST)
    assert holds(root) == NOISY


def test_every_knob_finds_itself_and_the_fact_it_is_known_by(root: Path) -> None:
    for knob in KNOBS:
        assert knob_of(knob.pattern.replace("*", "0")) == knob
    assert {one.path for one in settings(root)} == set(NOISY)


def killed_at(line: int, act: Callable[[], object]) -> bool:
    """Do something in a child that a SIGKILL ends at the n-th line of the tuning's own code; return whether it did."""
    own = {module.__file__ for module in (tune_module, journal_module)}
    pid = os.fork()
    if pid == 0:
        left = line

        def step(frame: FrameType, event: str, _arg: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in own:
                return None
            if event == "line":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return step

        try:
            sys.settrace(step)
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_a_kill_at_any_line_of_tuning_can_be_undone(root: Path, journal: Journal) -> None:
    line, partly = 0, 0
    while killed_at(line, lambda: tune(journal, root, FIRST)):
        now = holds(root)
        journaled = {change.path: change.before for change in journal.read()}
        assert all(now[path] == NOISY[path] or journaled[path] == NOISY[path] for path in NOISY), line
        partly += 0 < sum(now[path] == QUIET[path] for path in NOISY) < len(NOISY)
        undo(journal, root, FIRST)
        assert holds(root) == NOISY, line
        line += 1
    assert holds(root) == QUIET
    assert line > 50
    assert partly > len(NOISY)  # kills between the writes were among them


def test_a_kill_at_any_line_of_undoing_can_be_undone_again(root: Path, journal: Journal) -> None:
    line, partly = 0, 0
    while True:
        tune(journal, root, FIRST)
        assert holds(root) == QUIET
        if not killed_at(line, lambda: undo(journal, root, FIRST)):
            break
        partly += 0 < sum(value == QUIET[path] for path, value in holds(root).items()) < len(NOISY)
        undo(journal, root, FIRST)
        assert holds(root) == NOISY, line
        line += 1
    assert holds(root) == NOISY
    assert partly > len(NOISY)


def test_a_kill_at_any_line_of_tuning_is_finished_by_tuning_again(root: Path, journal: Journal) -> None:
    for line in range(0, 400, 7):
        killed = killed_at(line, lambda: tune(journal, root, FIRST))
        tune(journal, root, FIRST)
        assert holds(root) == QUIET
        undo(journal, root, FIRST)
        assert holds(root) == NOISY, line
        if not killed:
            return
    pytest.fail("tuning never came to its end")


def test_a_kill_at_any_line_of_a_second_tuning_loses_no_original(root: Path, journal: Journal) -> None:
    extra = GOVERNOR.format(2)
    for line in range(400):
        (root / extra.lstrip("/")).unlink(missing_ok=True)
        tune(journal, root, FIRST)
        fill(root, {extra: "ondemand"})
        killed = killed_at(line, lambda: tune(journal, root, FIRST))
        undo(journal, root, FIRST)
        assert holds(root) == NOISY, line
        assert (root / extra.lstrip("/")).read_text().strip() == "ondemand"
        if not killed:
            return
    pytest.fail("tuning never came to its end")


@pytest.mark.skipif(not ALLOWED, reason="this user may not turn the knob")
def test_a_knob_of_this_machine_is_turned_and_turned_back(journal: Journal, tmp_path: Path) -> None:
    tree = tmp_path / "narrow"  # a tree that has this one knob of the machine and no other
    (tree / COMPACTION.lstrip("/")).parent.mkdir(parents=True)
    with borrowed("13") as live:
        (tree / COMPACTION.lstrip("/")).symlink_to(live)
        assert states(tune(journal, tree)) == {COMPACTION: "tuned"}
        assert live.read_text().strip() == "0"
        assert states(undo(journal, tree)) == {COMPACTION: "restored"}
        assert live.read_text().strip() == "13"
