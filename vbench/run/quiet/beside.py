"""Who runs beside us: guests and containers of others, and the daemon that moves interrupts."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vbench.model import Fact
from vbench.probes.question import UNKNOWN
from vbench.run.quiet.finding import Finding
from vbench.run.quiet.processes import Neighbour, guarded, neighbours, processes

NAMED = 4  # neighbours that are named


def beside(root: Path, facts: Mapping[str, Fact]) -> Iterator[Finding]:
    """Yield what the processes of the tree at `root` show; where not all can be seen, none seen is no answer."""
    seen = processes(root)
    inside = facts.get("isolation.namespace.pid", Fact("", UNKNOWN)).value == "own"
    blind = inside or 1 not in seen  # a namespace of our own, or /proc mounted with hidepid
    found = neighbours(root, seen)
    yield _neighbours("guest", found, blind=blind or guarded(root, seen))
    yield _neighbours("container", found, blind=blind)
    balancer = any(one.name == "irqbalance" for one in seen.values())
    yield Finding(
        "irq.balance",
        "yes" if balancer else UNKNOWN if blind else "no",
        "note" if balancer else "unknown" if blind else "fine",
        "irqbalance moves interrupts between CPUs, onto those of the targets too",
        "systemctl stop irqbalance" if balancer else "",
        reversible=True if balancer else None,
        source="/proc",
    )


def _neighbours(kind: str, beside_us: Sequence[Neighbour], *, blind: bool) -> Finding:
    found = [one for one in beside_us if one.kind == kind]
    what, why = f"neighbours.{kind}s", f"a {kind} beside us takes CPU, cache and disk"
    hidden = "; not all can be seen from here" if blind else ""
    if not found:
        return Finding(
            what, UNKNOWN if blind else 0, "unknown" if blind else "fine", why + hidden, unit="1", source="/proc"
        )
    names = ", ".join(f"{one.name} ({one.pid})" for one in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    said = f"{why}: {names}{more}{hidden}"
    return Finding(what, len(found), "disturbs", said, "stop it, or wait for its end", "1", True, source="/proc")
