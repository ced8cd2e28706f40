"""What is on disk: the shipped and the user's workloads, and the user's settings in vbench.toml."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Gt, MinLen

import vbench.workloads
from vbench import errors, forms, paths, units
from vbench.forms import require
from vbench.workloads import Workload, expand

FILE = "vbench.toml"
COMMAND = "{command}"
_LARGEST = 64 * 2**20  # bytes of a file that travels into every target
_LONGEST = 2**20  # bytes of a TOML file
_TARGET = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Way:
    """A user's own way in: `{command}` stands for the agent's argv, `{rootfs}` for the workload image's root."""

    __pydantic_config__: ClassVar = forms.STRICT

    argv: Annotated[tuple[str, ...], MinLen(1)]

    def __post_init__(self) -> None:
        expand(self.argv, {"command": "", "rootfs": ""})
        require(
            self.argv.count(COMMAND) == 1,
            f"The argv that begins with '{self.argv[0]}' has no place for the agent.",
            f"Give it one element that is '{COMMAND}'.",
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every target gets; None means vbench's own choice. `memory` is a size such as 512M."""

    __pydantic_config__: ClassVar = forms.STRICT

    cpus: Annotated[int, Gt(0)] | None = None
    memory: str | None = None

    def __post_init__(self) -> None:
        self.memory_bytes()

    def memory_bytes(self) -> int | None:
        """Return the memory in bytes."""
        return None if self.memory is None else units.parse_size(self.memory)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of vbench.toml: `[settings]` and a `[target.NAME]` for each way in."""

    __pydantic_config__: ClassVar = forms.STRICT

    settings: Settings = Settings()
    target: Mapping[str, Way] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.target:
            require(bool(_TARGET.fullmatch(name)), f"'{name}' is no name of a target.", "Use a-z, 0-9, '_' and '-'.")


def read(file: Path | None = None) -> Config:
    """Return the settings of the file, else of ./vbench.toml, else of the user's configuration folder, else none.

    Raises InputError: a named file that cannot be read, or whatever is wrong in it.
    """
    if file is None:
        file = next((path for path in (Path(FILE), paths.config() / FILE) if path.is_file()), None)
    return Config() if file is None else forms.read(Config, _text(file), str(file))


def workloads(folders: Iterable[Path] = ()) -> tuple[Workload, ...]:
    """Return the shipped workloads and those of the user's folders, by name.

    Raises InputError: a folder that holds none, a name that is there twice, or whatever is wrong in a file.
    """
    found: dict[str, Workload] = {}
    for folder in (Path(vbench.workloads.__path__[0]), *folders):
        for workload in folder_of(folder):
            first = found.setdefault(workload.name, workload)
            require(
                first is workload,
                f"'{workload.path}' and '{first.path}' both hold the workload '{workload.name}'.",
                "Rename yours, in its file and of its file.",
            )
    return tuple(found[name] for name in sorted(found))


def folder_of(folder: Path) -> list[Workload]:
    """Return the workloads of a folder that holds FAMILY/NAME.toml and the files beside; errors as in `workloads`."""
    files = sorted(folder.glob("*/*.toml"))
    require(bool(files), f"'{folder}' holds no workload.", "Save one in it as 'FAMILY/NAME.toml'.")
    return [vbench.workloads.load(_text(file), str(file.absolute()), partial(_beside, file)) for file in files]


def _beside(file: Path, name: str) -> bytes:
    """Return the bytes of a file beside the workload's; a link must not lead out of the folder."""
    path = file.parent / name
    inside = path.resolve().parent == file.parent.resolve()
    require(inside, f"'{name}', which '{file}' names, is not in the same folder.", "Copy it there.")
    return _bytes(path, _LARGEST)


def _text(file: Path) -> str:
    try:
        return _bytes(file, _LONGEST).decode()
    except UnicodeDecodeError as error:
        raise errors.InputError(f"'{file}' is not UTF-8: {error.reason}.", "Save it as UTF-8.") from None


def _bytes(file: Path, largest: int) -> bytes:
    try:
        require(file.is_file() or not file.exists(), f"'{file}' is no file.", "Name a regular file.")
        with file.open("rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        raise errors.InputError(f"'{file}' cannot be read: {error.strerror}.", "Give it, or name another.") from None
    require(len(content) <= largest, f"'{file}' has more than {largest} bytes.", "Make it smaller.")
    return content
