"""What can be said of a target without running it: what its hops are and need, in their authors' words, and options."""

import inspect
import re
from dataclasses import MISSING, dataclass, fields, is_dataclass

from vbench.targets import accelerator
from vbench.targets.catalogue import Catalogue, Target
from vbench.targets.hop import Hop
from vbench.targets.options import options_of
from vbench.targets.qemu import Qemu
from vbench.targets.variants import Varied, unvaried

NO_MORE = re.compile(r"(The hop `[^`]+`\.)?")


@dataclass(frozen=True)
class Choice:
    """An option: its key, the words that it takes where they are few, what it is unless chosen, what it means."""

    key: str
    values: tuple[str, ...]
    default: str
    summary: str


@dataclass(frozen=True)
class Way:
    """A hop by its name in the code, what it is, what its class says beside that, what it needs, and its options."""

    hop: str
    summary: str
    more: str
    needs: str
    options: tuple[Choice, ...]


def way(hop: Hop) -> Way:
    """Return what is to be said of a hop: the docstrings of its module, its class and `missing`, and its fields."""
    own = unvaried(hop)
    summary = _first(inspect.getdoc(inspect.getmodule(type(own))))
    more = _first(type(own).__doc__)
    return Way(
        own.name, summary, "" if NO_MORE.fullmatch(more) else more, _first(inspect.getdoc(own.missing)), choices(own)
    )


def everywhere(hop: Hop) -> tuple[Choice, ...]:
    """Return the options that the first hop of every target takes."""
    return choices(Varied(unvaried(hop)))


def options(target: Target) -> tuple[Choice, ...]:
    """Return the options that a target takes; one goes to the outermost hop that has it."""
    every = [*everywhere(target.hops[0]), *(one for hop in target.hops for one in choices(unvaried(hop)))]
    return tuple({one.key: one for one in reversed(every)}[key] for key in dict.fromkeys(one.key for one in every))


def choices(hop: object) -> tuple[Choice, ...]:
    """Return the options of a hop as its class declares them."""
    defaults = {one.name: one.default for one in fields(hop)} if is_dataclass(hop) else {}
    return tuple(
        Choice(key, tuple(getattr(option.read, "names", ())), _shown(defaults[key.replace("-", "_")]), option.summary)
        for key, option in options_of(hop).items()
    )


def behind(hop: Hop, catalogue: Catalogue) -> list[str]:
    """Return the names of the hops that may stand behind a hop in a path."""
    return [name for name, inner in catalogue.hops.items() if not inner.missing((unvaried(hop).name,))]


def labels_of(target: Target) -> tuple[str, ...]:
    """Return what the cells of a target are labelled with, as far as that is known before it is entered."""
    own = [label for hop in target.hops for label in getattr(unvaried(hop), "labels", ())]
    return tuple(dict.fromkeys([*(["emulated"] if "tcg" in accelerators_of(target) else []), *own]))


def accelerators_of(target: Target) -> tuple[str, ...]:
    """Return what runs the guests on the way, outermost first; one in another has KVM, for all that is known here."""
    kinds: list[str] = []
    for hop in map(unvaried, target.hops):
        if isinstance(hop, Qemu):
            kinds.append("kvm" if kinds or target.elsewhere else hop.accelerator or accelerator.known().accelerator)
        else:
            kinds += getattr(hop, "accelerators", ())
    return tuple(kinds)


def _shown(default: object) -> str:
    return "" if default is None or default is MISSING else str(default)


def _first(doc: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((doc or "").split("\n\n")[0].split())
