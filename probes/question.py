"""A probe is a question with a name: what it asks, where the answer is read, and the pure function that reads it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vbench.model import Fact, Level, Value
from vbench.probes.snapshot import Snapshot

UNKNOWN = "unknown"
NOT_PERMITTED = "not-permitted"
MEMBER = re.compile(r"[\w.:@+-]{1,80}", re.ASCII)  # what a device, a flaw or a switch may be called
LARGEST = 2**64
LONGEST = 8192  # characters: a command line or all flags of a CPU fit


@dataclass(frozen=True)
class Answer:
    """What a probe found: the value, where it was read, how far the evidence goes, and the mend in one line.

    `unit` is for a member of a family that has another unit than its siblings.
    """

    value: Value
    source: str = ""
    level: Level | None = None
    fix: str | None = None
    unit: str | None = None


Ask = Callable[[Snapshot], "Answer | None"]
AskMany = Callable[[Snapshot], Mapping[str, Answer]]


@dataclass(frozen=True)
class Question:
    """One question. A key that ends in `.*` stands for a family, whose `ask` returns {rest of the key: answer}.

    `sources` is what the answer is read from, `members` what a family is known to hold: (rest of the key, summary).
    None as an answer means that the question does not arise on this machine, and no fact is made of it.
    """

    key: str
    summary: str
    sources: tuple[str, ...]
    ask: Ask | AskMany
    unit: str | None = None
    members: tuple[tuple[str, str], ...] = ()

    def names(self, key: str) -> bool:
        """Return whether a fact's key is this question's."""
        return key == self.key or (self.key.endswith(".*") and key.startswith(self.key[:-1]))

    def facts(self, snapshot: Snapshot) -> Iterable[Fact]:
        """Yield the facts that the answer makes, none where the question does not arise."""
        answer = self.ask(snapshot)
        if isinstance(answer, Mapping):
            stem = self.key.removesuffix("*")
            for name, one in answer.items():
                if MEMBER.fullmatch(name):
                    yield self._fact(stem + name, one)
        elif answer is not None:
            yield self._fact(self.key, answer)

    def _fact(self, key: str, answer: Answer) -> Fact:
        value = sane(answer.value)
        unit = None if isinstance(value, str) else answer.unit or self.unit
        source = printable(answer.source or ", ".join(self.sources))
        return Fact(key, value, unit, answer.level, source, answer.fix)


def sane(value: Value) -> Value:
    """Return a value that a table and JSON can hold; what is empty or absurd, as a hostile guest may send, is unknown.

    >>> sane(12), sane(float("inf")), sane(10**400), sane(""), sane("Y")
    (12, 'unknown', 'unknown', 'unknown', 'Y')
    """
    if isinstance(value, str):
        return printable(value[:LONGEST]).strip() or UNKNOWN
    return value if not isinstance(value, bool) and -LARGEST < value < LARGEST else UNKNOWN


def printable(text: str) -> str:
    """Return a text in which nothing can steer a terminal."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def yes(holds: bool | None) -> str:
    """Return yes, no, or unknown for None."""
    return UNKNOWN if holds is None else "yes" if holds else "no"


def of_file(path: str, level: Level | None = None) -> Ask:
    """Return the probe whose answer is a file's text; unknown or not-permitted where it cannot be read."""

    def ask(snapshot: Snapshot) -> Answer:
        return Answer(snapshot.text(path) or refused(snapshot, path), path, level)

    return ask


def number_of(path: str, scale: float = 1, level: Level | None = None) -> Ask:
    """Return the probe whose answer is the whole number in a file, times `scale`."""

    def ask(snapshot: Snapshot) -> Answer:
        number = snapshot.number(path)
        return Answer(refused(snapshot, path) if number is None else number * scale, path, level)

    return ask


def switch(path: str, level: Level | None = None) -> Ask:
    """Return the probe whose answer is what a switch of the kernel says (Y, 1, N, 0)."""

    def ask(snapshot: Snapshot) -> Answer:
        holds = snapshot.flag(path)
        return Answer(refused(snapshot, path) if holds is None else yes(holds), path, level)

    return ask


def refused(snapshot: Snapshot, path: str) -> str:
    """Return not-permitted where the collector was refused this path, else unknown."""
    return NOT_PERMITTED if snapshot.denied(path) else UNKNOWN
