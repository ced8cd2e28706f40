"""Options of a hop: fields of its class that a target's name may set, as in `kvm:kernel=/boot/vmlinux:disk=nvme`."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from vbench.errors import InputError, unknown

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """How an option's text is read, and what it says in a few words; InputError of `read` names what is wrong."""

    read: Callable[[str], Any]
    summary: str


def option(default: Any, read: Callable[[str], Any], summary: str) -> Any:
    """Return the dataclass field of an option; its key is the field's name with '-' for '_'."""
    return field(default=default, kw_only=True, metadata={_KEY: Option(read, summary)})


def options_of(hop: object) -> dict[str, Option]:
    """Return the options that a hop takes, by their keys."""
    own = fields(hop) if is_dataclass(hop) else ()
    return {one.name.replace("_", "-"): one.metadata[_KEY] for one in own if _KEY in one.metadata}


def with_options(hop: Any, values: Mapping[str, Any]) -> Any:
    """Return a hop with values of its options, by their keys."""
    return replace(hop, **{key.replace("-", "_"): value for key, value in values.items()}) if values else hop


def file(text: str) -> str:
    """Return the whole path of a file that is there."""
    path = Path(text)
    if not path.is_absolute() or not path.is_file():
        raise InputError(f"'{text}' is no file.", "Name one by its whole path, from / on.")
    if "," in text:  # QEMU's own separator
        raise InputError(f"'{text}' has a comma in it.", "Rename it.")
    return text


def number(text: str) -> int:
    """Return a whole number that is not below 0."""
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"'{text}' is no whole number.", "Write it as 0, 1 or 20.")
    return int(text)


def program(text: str) -> str:
    """Return the whole path of a file that may be run."""
    if shutil.which(file(text)) is None:
        raise InputError(f"'{text}' is no program that may be run.", "Name another, or make it executable.")
    return text


@dataclass(frozen=True)
class OneOf:
    """A reader that takes one of some words; `kind` says what they are."""

    kind: str
    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """Return the word."""
        if text not in self.names:
            raise unknown(self.kind, text, self.names)
        return text


def one_of(kind: str, names: Iterable[str]) -> OneOf:
    """Return a reader that takes one of some words; `kind` says what they are."""
    return OneOf(kind, tuple(names))
