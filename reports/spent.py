"""Where the wall time of a run went, in one sentence: the share inside measured jobs, and what took the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vbench.reports.numbers import percent
from vbench.run.times import JOBS
from vbench.units import format_duration

LEAST = 0.01  # share of the whole that is named


def spent(sessions: Iterable[Mapping[str, float]]) -> Iterator[str]:
    """Yield the sentence; none for a run of which no times are known, such as an import."""
    seconds: Counter[str] = Counter()
    for session in sessions:
        seconds.update(session)
    total = sum(seconds.values())
    if total <= 0:
        return
    inside = percent(seconds[JOBS] / total)
    rest = [f"{what} {percent(part / total)}" for what, part in seconds.most_common() if _named(what, part / total)]
    yield (
        f"Of {format_duration(total)} of wall time {inside} were inside measured jobs{'; ' if rest else ''}"
        f"{', '.join(rest)}."
    )


def _named(what: str, share: float) -> bool:
    return what != JOBS and share >= LEAST
