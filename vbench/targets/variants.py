"""Variants of a target: `TARGET:KEY=VALUE:KEY=VALUE`, and `TARGET#2`, the same under a second name for an A/A.

An option changes the outermost hop that has it: its kernel, its QEMU, its runtime, or on bare metal a known overhead.
Memory and another image are options of every target. A variant is a target like any other: it has its name in the plan
and in the bundle.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path

from vbench.errors import InputError, unknown
from vbench.image import Image, check, find
from vbench.model import SECOND, Missing
from vbench.targets.hop import Entry, Hop
from vbench.targets.options import Option, option, options_of, with_options
from vbench.targets.place import Place, Settings, with_image
from vbench.units import parse_size


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
        if options and word.startswith("//"):  # the rest of a URI
            options[next(reversed(options))] += f":{word}"
            continue
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise InputError(f"'{word}' in '{name}' is no option.", "Write TARGET:KEY=VALUE:KEY=VALUE.")
        if key in options:
            raise InputError(f"The option '{key}' is there twice in '{name}'.", "Give it once.")
        options[key] = value
    return Name(":".join(words[:first]), options, plain != name)


def varied(hops: tuple[Hop, ...], options: Mapping[str, str], name: str) -> tuple[Hop, ...]:
    """Return the hops with each option on the outermost that has it; InputError where none has."""
    if not options:
        return hops
    whole: list[Hop] = [Varied(hops[0]), *hops[1:]]
    takes = [options_of(Varied(hops[0])) | options_of(hops[0]), *(options_of(hop) for hop in hops[1:])]
    for key, text in options.items():
        number = next((number for number, own in enumerate(takes) if key in own), None)
        if number is None:
            raise _refused(name, key, takes)
        whole[number] = _with(whole[number], key, _value(key, text, takes[number][key]))
    return tuple(whole)


def _value(key: str, text: str, option: Option) -> object:
    try:
        return option.read(text)
    except ValueError:  # the reader of a plug-in may be as simple as int
        raise InputError(f"'{text}' is no value of the option '{key}'.", f"It is {option.summary}.") from None


def _refused(name: str, key: str, takes: list[dict[str, Option]]) -> InputError:
    near = unknown("option", key, {one for own in takes for one in own}).remedy
    return InputError(f"'{name}' cannot take the option '{key}'.", near.replace("Known:", "It takes:"))


def _with(hop: Hop, key: str, value: object) -> Hop:
    """Return a hop with one option; what every target takes is kept around the hop, the rest is the hop's own."""
    if isinstance(hop, Varied) and key not in options_of(hop):
        return replace(hop, hop=with_options(hop.hop, {key: value}))
    changed: Hop = with_options(hop, {key: value})
    return changed


def _image(text: str) -> Image:
    image = find(text)
    check(image)
    return image


@dataclass(frozen=True)
class Varied:
    """A hop with what every target takes as an option."""

    hop: Hop
    memory: int | None = option(None, parse_size, "memory of this target, such as 1G")
    image: Image | None = option(None, _image, "another workload image, by its digest")

    @property
    def name(self) -> str:
        """The hop's own."""
        return self.hop.name

    @property
    def takes_devices(self) -> bool:
        """As the hop does."""
        return self.hop.takes_devices

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Return what the hop itself lacks; the image was checked when it was read."""
        return self.hop.missing(outer)

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Enter the hop with other memory, from another image."""
        if self.image:
            place = with_image(place, self.image)
        return self.hop.enter(place, replace(settings, memory=self.memory or settings.memory), stack)


def unvaried(hop: Hop) -> Hop:
    """Return a hop without what every target takes."""
    return hop.hop if isinstance(hop, Varied) else hop


def described(options: Mapping[str, str], hops: Iterable[Hop] = ()) -> dict[str, str]:
    """Return the options as a bundle keeps them: with the SHA-256 of the files that they name, which may change.

    So may the image of a hop that takes one of its own.
    """
    files = {f"{key}.sha256": _sha256(Path(text)) for key, text in options.items() if Path(text).is_file()}
    own = next((image for hop in hops if isinstance(image := getattr(unvaried(hop), "image", None), Image)), None)
    image = find(options["image"]) if "image" in options else own
    images = {"image.digest": image.digest} if image else {}
    return {**options, **files, **images}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
