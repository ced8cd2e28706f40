"""A workload that nobody wrote as a file: its TOML text and its files, which the bundle keeps like any other's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vbench.errors import InputError
from vbench.workloads import Reading, Workload, load

VERSION = 1  # of how these texts are made; it rises when figures of the same words stop being comparable


def made(
    head: Mapping[str, Any],
    steps: Mapping[str, Mapping[str, Any]],
    metrics: Sequence[Reading],
    contents: Mapping[str, bytes],
) -> Workload:
    """Return the workload with this head, these steps (`prepare`, `job`) and metrics; `contents` are its files by name.

    Raises InputError for whatever the form of a workload's file refuses.
    """
    tables = [_pairs({**head, "version": VERSION, "files": sorted(contents)})]
    tables += [f"[{name}]\n{_pairs(step)}" for name, step in steps.items()]
    tables += [f"[[metrics]]\n{_pairs(_told(metric))}" for metric in metrics]
    family, _, name = str(head["name"]).partition(".")
    return load("\n".join(tables), f"{family}/{name}.toml", contents.__getitem__)


def literal(text: str) -> str:
    """Return an element of an argv that stands for itself: its braces are no placeholders.

    >>> literal("awk '{print $1}'")
    "awk '{{print $1}}'"
    """
    return text.replace("{", "{{").replace("}", "}}")


def _told(metric: Reading) -> dict[str, Any]:
    return {key: value for key, value in asdict(metric).items() if value not in {None, False}}


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: Any) -> str:
    """Return a string, number, boolean or list of strings as TOML: JSON's form, but for the one control it allows."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{text!a:.60} is not UTF-8.", "Write it in UTF-8.") from None
    return text
