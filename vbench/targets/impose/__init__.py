"""Known overheads imposed on bare metal: what `vbench selftest` finds again, and what an A/B can be tried with."""

from vbench.targets.impose.hop import KINDS, Imposed

__all__ = ["KINDS", "Imposed"]
