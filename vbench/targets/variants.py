"""Variants of a target: `TARGET:KEY=VALUE:KEY=VALUE`, and `TARGET#2`, the same under a second name for an A/A.

Options change the outermost hop, which is the one on this host: another kernel, QEMU, image, OCI runtime or memory, or
on bare metal a known overhead. A variant is a target like any other: it has its name in the plan and in the bundle.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

from vbench.errors import InputError, unknown
from vbench.image import Image, check, find
from vbench.model import Missing
from vbench.targets.bare import Bare
from vbench.targets.hop import Entry, Hop
from vbench.targets.impose import KINDS, Imposed
from vbench.targets.place import Place, Settings
from vbench.units import parse_size

SECOND = "#2"
ACCELERATORS = ("kvm", "tcg")
RUNTIMES = ("crun", "runc")
GUEST, PODMAN = ("qemu",), ("podman", "podman-rootless")


@dataclass(frozen=True)
class Option:
    """How an option's text is read, and the outermost hops that take it; none named means every one."""

    read: Callable[[str], Any]
    hops: tuple[str, ...] = ()


@dataclass(frozen=True)
class Name:
    """A target's name taken apart; `options` are still text."""

    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    second: bool = False


def parse(name: str) -> Name:
    """Return the parts of a target's name; InputError for options that are none, or there twice.

    >>> parse("kvm:qemu=/opt/qemu:memory=1G").options
    {'qemu': '/opt/qemu', 'memory': '1G'}
    """
    plain = name.removesuffix(SECOND)
    words = plain.split(":")
    first = next((number for number, word in enumerate(words) if "=" in word), len(words))
    options: dict[str, str] = {}
    for word in words[first:]:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise InputError(f"'{word}' in '{name}' is no option.", "Write TARGET:KEY=VALUE:KEY=VALUE.")
        if key not in OPTIONS:
            raise unknown("option", key, OPTIONS)
        if key in options:
            raise InputError(f"The option '{key}' is there twice in '{name}'.", "Give it once.")
        options[key] = value
    return Name(":".join(words[:first]), options, plain != name)


def varied(hops: tuple[Hop, ...], options: Mapping[str, str], name: str) -> tuple[Hop, ...]:
    """Return the hops with the options on the outermost; InputError where it does not take one of them."""
    if not options:
        return hops
    for key in options:
        if OPTIONS[key].hops and hops[0].name not in OPTIONS[key].hops:
            fitting = [other for other, option in OPTIONS.items() if hops[0].name in (option.hops or [hops[0].name])]
            raise InputError(f"'{name}' cannot take the option '{key}'.", f"It takes: {', '.join(sorted(fitting))}.")
    values = {key: OPTIONS[key].read(text) for key, text in options.items()}
    overheads = {key: value for key, value in values.items() if key in KINDS}
    image = values.pop("image", None)
    settings = {key: value for key, value in values.items() if key not in KINDS}
    outer: Hop = Imposed(overheads) if overheads else hops[0]
    return (Varied(outer, settings, image), *hops[1:])


class Varied:
    """A hop with settings of its own, and with another workload image where there is one."""

    def __init__(self, hop: Hop, settings: Mapping[str, Any], image: Image | None) -> None:
        self.name = hop.name
        self.takes_devices = hop.takes_devices
        self.hop = hop
        self.settings = settings
        self.image = image

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Return what the hop itself lacks; the options were checked when they were read."""
        return self.hop.missing(outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter the hop with other settings, from another image."""
        if self.image:
            place = replace(place, rootfs=str(self.image.rootfs), disk=str(self.image.disk))
        return self.hop.enter(place, replace(settings, **self.settings), stack)


def described(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options as a bundle keeps them: with the SHA-256 of the files that they name, which may change."""
    files = {f"{key}.sha256": _sha256(Path(options[key])) for key in ("kernel", "initramfs", "qemu") if key in options}
    images = {"image.digest": find(options["image"]).digest} if "image" in options else {}
    return {**options, **files, **images}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _file(text: str) -> str:
    path = Path(text)
    if not path.is_absolute() or not path.is_file():
        raise InputError(f"'{text}' is no file.", "Name one by its whole path, from / on.")
    if "," in text:  # QEMU's own separator
        raise InputError(f"'{text}' has a comma in it.", "Rename it.")
    return text


def _program(text: str) -> str:
    if shutil.which(_file(text)) is None:
        raise InputError(f"'{text}' is no program that may be run.", "Name another, or make it executable.")
    return text


def _runtime(text: str) -> str:
    if shutil.which(_one_of("runtime", RUNTIMES)(text)) is None:
        raise InputError(f"There is no '{text}' on this machine.", f"apt-get install {text}")
    return text


def _image(text: str) -> Image:
    image = find(text)
    check(image)
    return image


def _one_of(kind: str, names: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise unknown(kind, text, names)
        return text

    return read


OPTIONS: Mapping[str, Option] = {
    "memory": Option(parse_size),
    "image": Option(_image),
    "accelerator": Option(_one_of("accelerator", ACCELERATORS), GUEST),
    "kernel": Option(_file, GUEST),
    "initramfs": Option(_file, GUEST),
    "qemu": Option(_program, GUEST),
    "runtime": Option(_runtime, PODMAN),
    **{name: Option(kind.read, (Bare.name,)) for name, kind in KINDS.items()},
}
