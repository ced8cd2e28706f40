"""All of a target for programs and people: a row of `vbench targets --json`, and the same in words."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

from vbench.reports.clean import printable
from vbench.targets import accelerator
from vbench.targets.catalogue import Catalogue, Target
from vbench.targets.explain import accelerators_of, labels_of, options, way
from vbench.targets.qemu import Qemu
from vbench.targets.shown import Command

if TYPE_CHECKING:
    from vbench.run.showing import Shown  # which brings all that a run takes

WIDTH = 80
COMMAND = 110  # columns of a command's lines
_LABEL = 13  # columns of the labels
Row = dict[str, Any]


def row(target: Target, catalogue: Catalogue) -> Row:
    """Return what DESIGN.md promises of a target, what its hops are and need, and the options that it takes."""
    lacking = target.missing()
    names = [hop.name for hop in target.hops]
    kinds = accelerators_of(target)
    return {
        "name": target.name,
        "hops": names,
        "runnable": not lacking,
        "accelerator": "/".join(kinds) or None,
        "accelerator_reason": accelerator.known().reason if Qemu.name in names else None,
        "labels": list(labels_of(target)),
        "missing": [asdict(lack) for lack in lacking],
        "ways": [asdict(way(hop)) for hop in target.hops],
        "options": [asdict(choice) for choice in options(target)],
        "plugins": catalogue.origins(target),
    }


def commanded(shown: "Shown") -> Row:
    """Return the keys that show the commands of a target."""
    return {"commands": [_command(command) for command in shown.commands], "obstacle": shown.obstacle}


def _command(command: Command) -> Row:
    argv = [*command.before, *command.argv]
    return {"hop": command.hop, "inside": command.inside, "argv": argv, "line": shlex.join(argv)}


def explained(found: Row) -> str:
    """Return a row as plain text that ends with a newline; only commands are wider than 80 columns."""
    lines = [f"{found['name']} {'can' if found['runnable'] else 'cannot'} be run here.", ""]
    for label, text in _prose(found):
        lines += _wrapped(f"{label:<{_LABEL}}", text, _LABEL)
    lines += ["", "Options:"]
    for choice in found["options"]:
        lines += _wrapped(f"  {choice['key']}={_values(choice)}  ", f"{choice['summary']}{_default(choice)}", 6)
    for command in found.get("commands", ()):
        where = f"In the agent of {command['inside']}" if command["inside"] else "On this host"
        lines += ["", f"{where}, for {command['hop']}:", *folded(command["argv"])]
    if found.get("obstacle"):
        lines += ["", *_wrapped("No further command can be shown: ", found["obstacle"], 2)]
    return "\n".join([*map(_steady, lines), ""])


def folded(argv: Iterable[str], quote: Callable[[str], str] = shlex.quote) -> list[str]:
    """Return a command as a shell takes it, in lines that end between two words."""
    lines = [" "]
    for word in map(quote, argv):
        if len(lines[-1]) + len(word) >= COMMAND and lines[-1].strip():
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines).splitlines()


def _prose(found: Row) -> Iterator[tuple[str, str]]:
    for one in {one["hop"]: one for one in found["ways"]}.values():  # each once
        yield one["hop"], f"{one['summary']} {one['more']}"
        yield "", f"Needs: {one['needs']}"
    for name, package in found["plugins"].items():
        yield "Plug-in", f"{name} is from {package}"
    if found["accelerator"]:
        yield "Accelerator", ": ".join(filter(None, (found["accelerator"], found["accelerator_reason"])))
    if found["labels"]:
        yield "Labels", ", ".join(found["labels"])
    for lack in found["missing"]:
        yield "Missing", f"{lack['what']}. Fix: {lack['fix']}"


def _values(choice: Row) -> str:
    return "|".join(choice["values"]) or "..."


def _default(choice: Row) -> str:
    return f" (else {choice['default']})" if choice["default"] else ""


def _steady(line: str) -> str:
    """Return a line with nothing in it that steers a terminal; its blanks are kept."""
    return " ".join(map(printable, line.split(" ")))


def _wrapped(start: str, text: str, indent: int) -> list[str]:
    wrapper = TextWrapper(WIDTH, initial_indent=start, subsequent_indent=" " * indent)
    wrapper.break_on_hyphens = wrapper.break_long_words = False  # names and options stay whole
    return wrapper.wrap(text)
