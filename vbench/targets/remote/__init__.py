"""Ways to other machines: `ssh:HOST`, `libvirt:DOMAIN` and `kubectl:POD`, and behind them any path of hops."""

from collections.abc import Mapping
from dataclasses import replace

from vbench.errors import InputError
from vbench.targets.hop import Hop
from vbench.targets.remote.elsewhere import Elsewhere
from vbench.targets.remote.engine import ENGINES, Engine
from vbench.targets.remote.kubectl import Kubectl
from vbench.targets.remote.libvirt import Libvirt
from vbench.targets.remote.ssh import Ssh

ELSEWHERE: Mapping[str, type[Elsewhere]] = {kind.name: kind for kind in (Ssh, Libvirt, Kubectl)}

__all__ = ["ELSEWHERE", "completed", "way_to"]


def way_to(word: str) -> Hop | None:
    """Return the hop of a word such as `ssh:lab7`, None for one that leads nowhere else; InputError for a bad name."""
    kind, _, where = word.partition(":")
    if kind not in ELSEWHERE:
        return None
    if not where:
        raise InputError(f"'{word}' does not say where to.", f"Write it as {kind}:{ELSEWHERE[kind].example}.")
    return ELSEWHERE[kind](where)


def completed(hops: tuple[Hop, ...]) -> tuple[Hop, ...]:
    """Return a path whose way elsewhere knows what follows it: behind the last hop jobs run, in the image's root."""
    first = hops[0]
    if not isinstance(first, Elsewhere):
        return hops
    behind = hops[1:]
    if behind and behind[0].name in ENGINES:
        behind = (Engine(behind[0].name), *behind[1:])
    return (replace(first, inner=tuple(hop.name for hop in behind)), *behind)
