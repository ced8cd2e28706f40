"""Turn the reversible knobs to quiet, and back.

The journal has the original of every knob before the first one is written. From any crash there are only two states of
a knob, the original and ours, and undoing takes both to the original. Whatever else a knob holds, somebody else chose:
it is named and left alone.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vbench.errors import HostError, VbenchError
from vbench.ledger import boot_id
from vbench.probes.question import UNKNOWN
from vbench.run.quiet.finding import Finding
from vbench.run.quiet.journal import Change, Journal
from vbench.run.quiet.knobs import Setting, knob_of, read, settings, write

State = Literal["tuned", "quiet", "restored", "original", "changed by others", "refused", "gone"]
MACHINE = Path("/")


@dataclass(frozen=True)
class Turn:
    """What became of one knob: what it held, what it holds now (None: unreadable), and a word on it."""

    fact: str
    path: str
    before: str | None
    now: str | None
    state: State
    note: str = ""


def this_boot() -> str:
    """Return the identifier of this boot of the host; HostError where the kernel gives none."""
    try:
        return boot_id()
    except OSError as error:
        raise HostError(
            f"The boot's identifier cannot be read: {error.strerror}.", "Mount /proc: tuning needs it."
        ) from None


def tune(journal: Journal, root: Path = MACHINE, boot: str | None = None) -> list[Turn]:
    """Turn every knob of the tree at `root` that disturbs, journal first; return what became of each knob.

    A knob that is in the journal keeps its original there. Raises HostError where the journal cannot be written.
    """
    boot = boot or this_boot()
    with journal.locked():
        kept = {change.path: change for change in journal.read()}
        plans = [_plan(setting, kept.get(setting.path), boot) for setting in settings(root)]
        changes = {change.path: change for _, change in plans if change}
        if not changes:
            return [turn for turn, _ in plans]
        journal.write({**kept, **changes}.values())
        turns = [_turn(root, turn, change) if change else turn for turn, change in plans]
        untouched = {turn.path for turn in turns if turn.state == "refused" and turn.now == turn.before}
        journal.write(change for path, change in {**kept, **changes}.items() if path not in untouched)
        return turns


def _plan(setting: Setting, kept: Change | None, boot: str) -> tuple[Turn, Change | None]:
    """Return what to say of a knob that stays as it is, or the change to make."""
    knob, path, value = setting.knob, setting.path, setting.value
    turn = Turn(knob.fact, path, value, value, "quiet")
    if value is None:
        return replace(turn, state="refused", note=f"cannot be read: {setting.error}"), None
    if knob.quiet(value):
        ours = kept is not None and value == kept.ours
        return replace(turn, note=f"tuned before, was '{kept.before}'" if kept and ours else ""), None
    if kept and kept.boot == boot and value != kept.before:
        note = f"somebody else set it after us (it was '{kept.before}' at first); --undo, then --tune takes it anew"
        return replace(turn, state="changed by others", note=note), None
    return turn, Change(path, value, knob.wanted, boot)


def _turn(root: Path, turn: Turn, change: Change) -> Turn:
    now, complaint = _set(root, change.path, change.ours)
    if complaint and now != change.before:  # the kernel made something else of it, which no journal knows
        now, _ = _set(root, change.path, change.before)
    return replace(turn, now=now, state="refused" if complaint else "tuned", note=complaint)


def tuning(journal: Journal | None = None) -> Finding:
    """Return whether knobs are turned by us now; a journal that cannot be read is unknown, not an error."""
    what, why = "vbench.tuning", "knobs of this machine stand where vbench put them"
    try:
        count = len((journal or Journal()).read())
    except VbenchError as error:
        return Finding(what, UNKNOWN, "unknown", f"{error.message} {error.remedy}".rstrip(), unit="1")
    if not count:
        return Finding(what, 0, "fine", why, unit="1")
    return Finding(what, count, "note", why, "vbench doctor --undo puts them back", "1", reversible=True)


def undo(journal: Journal, root: Path = MACHINE, boot: str | None = None) -> list[Turn]:
    """Put back what the journal holds, last change first; return what became of each knob.

    What cannot be put back stays in the journal. Raises InputError for a damaged journal.
    """
    boot = boot or this_boot()
    with journal.locked():
        changes = journal.read()
        turns = [_restore(root, change, boot) for change in reversed(changes)]
        states = {turn.path: turn.state for turn in turns}
        journal.write(change for change in changes if _lasts(states[change.path], same_boot=change.boot == boot))
        return turns


def _lasts(state: State, *, same_boot: bool) -> bool:
    """Return whether a later --undo may still have to put a knob back: a CPU that is offline may return."""
    return state == "refused" or (state == "gone" and same_boot)


def _restore(root: Path, change: Change, boot: str) -> Turn:
    knob, rebooted = knob_of(change.path), change.boot != boot
    value = _holds(root, change.path)
    turn = Turn(knob.fact if knob else "", change.path, value, value, "original")
    if value is None:
        there = (root / change.path.lstrip("/")).exists()
        return replace(turn, state="refused" if there else "gone", note=f"it held '{change.before}' before vbench")
    if value == change.before:
        return replace(turn, note="the reboot had put it back" if rebooted else "")
    if value != change.ours:
        said = "since the reboot it holds" if rebooted else "somebody else set it to"
        note = f"{said} '{value}'; it was '{change.before}' before vbench, and is left alone"
        return replace(turn, state="changed by others", note=note)
    now, complaint = _set(root, change.path, change.before)
    if complaint:
        return replace(turn, now=now, state="refused", note=complaint)
    return replace(turn, now=now, state="restored", note="it still held our value after a reboot" if rebooted else "")


def _set(root: Path, path: str, value: str) -> tuple[str | None, str]:
    """Write a knob; return what it holds then, and what kept it from taking the value."""
    try:
        write(root, path, value)
    except OSError as error:
        return _holds(root, path), f"'{value}' cannot be written: {error.strerror}"
    now = _holds(root, path)
    return now, "" if now == value else f"the kernel did not take '{value}'"


def _holds(root: Path, path: str) -> str | None:
    try:
        return read(root, path)
    except OSError:
        return None
