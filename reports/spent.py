"""Where the wall time of a run went, in one sentence: the share inside jobs, and what took the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from vbench.reports.numbers import percent
from vbench.run.times import JOBS, WARMUPS
from vbench.units import format_duration

LEAST = 0.01  # share of the whole that is named


def spent(sessions: Iterable[Mapping[str, float]]) -> Iterator[str]:
    """Yield the sentence; none for a run of which no times are known, such as an import.

    Warm-ups count as jobs: they are the same jobs, timed and kept in the trace, and measured ones do not run without
    them. How much of the time they are is said.
    """
    seconds: Counter[str] = Counter()
    for session in sessions:
        seconds.update(session)
    total = sum(seconds.values())
    if total <= 0:
        return
    inside = (seconds[JOBS] + seconds[WARMUPS]) / total
    rest = [f"{what} {percent(part / total)}" for what, part in seconds.most_common() if _named(what, part / total)]
    warm = f", {percent(seconds[WARMUPS] / total)} of it all in warm-ups" if seconds[WARMUPS] else ""
    yield (
        f"Of {format_duration(total)} of wall time {percent(inside)} were inside jobs{warm}"
        f"{'; ' if rest else ''}{', '.join(rest)}."
    )


def _named(what: str, share: float) -> bool:
    return what not in {JOBS, WARMUPS} and share >= LEAST
