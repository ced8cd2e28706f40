"""How two documents differ: what was saved, and what is derived again. Numbers may differ in their tenth digit."""

from collections.abc import Iterator
from math import isclose
from typing import Any

SAME = 1e-9  # relative: another numpy may add in another order
_PLACE = ("workload", "metric", "target")  # what names a row


def unlike(stored: Any, derived: Any, where: str) -> Iterator[str]:
    """Yield a sentence for each thing in which the stored document is not the derived one; rows are named."""
    if isinstance(stored, dict) and isinstance(derived, dict):
        for key in dict.fromkeys((*derived, *stored)):
            yield from unlike(stored.get(key), derived.get(key), f"{where} {key}")
    elif isinstance(stored, list) and isinstance(derived, list) and len(stored) == len(derived):
        for position, (one, other) in enumerate(zip(stored, derived, strict=True)):
            yield from unlike(one, other, f"{where}[{position}]{_named(other)}")
    elif isinstance(stored, list) and isinstance(derived, list):
        yield f"{where}: it has {len(stored)} entries, and {len(derived)} are derived"
    elif not _same(stored, derived):
        yield f"{where}: it is {stored!r:.80}, and {derived!r:.80} is derived"


def _named(row: Any) -> str:
    words = [str(row[key]) for key in _PLACE if key in row] if isinstance(row, dict) else []
    return f" ({' '.join(words)})" if words else ""


def _same(stored: Any, derived: Any) -> bool:
    if isinstance(stored, bool) or isinstance(derived, bool):
        return stored is derived
    if isinstance(stored, int | float) and isinstance(derived, int | float):
        return stored == derived or isclose(stored, derived, rel_tol=SAME, abs_tol=SAME * SAME)
    return bool(stored == derived)
