"""What an image is made of: a TOML file, checked key by key."""

import hashlib
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vbench.errors import InputError, VbenchError, unknown
from vbench.image import foreign

_HERE = Path(__file__).parent
DEFAULT = _HERE / "recipe.toml"
NATIVE = _HERE / "native"
INSIDE = "/usr/lib/vbench/native"  # where an image has them
# What decides an image's bytes, beside the recipe.
_CONTENT = (
    "boot.py",
    "builder.py",
    "cpio.py",
    "disk.py",
    "init.fstab",
    "init.sh",
    "initramfs.py",
    "kernel.py",
    "mmdebstrap.py",
    "tarball.py",
    "xen.py",
)

# mmdebstrap takes lists joined by commas and sources.list lines joined by spaces: no value may smuggle in a second one.
_WORD = r"^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$"
_PACKAGE = r"^[A-Za-z0-9?~][^\s,]*$"
_URL = r"^[a-z+]+:/[^\s,]+$"
_PATTERN = r"^/[^\s]*$"


# mmdebstrap's variants but extract, which runs no hooks.
Variant = Literal["essential", "apt", "required", "minbase", "buildd", "important", "standard", "custom"]


class Recipe(BaseModel):
    """A recipe as recipe.toml describes it; `epoch` is in seconds since 1970.

    With `native` our own C sources are in the root, in INSIDE, when `run` is executed. Of the package `generic`, a
    second kernel, only `generic_modules` and what they need are kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str = Field(pattern=_WORD)
    variant: Variant = "minbase"
    architecture: str | None = Field(default=None, pattern=_WORD)
    mirror: str | None = Field(default=None, pattern=_URL)
    packages: tuple[Annotated[str, Field(pattern=_PACKAGE)], ...] = ()
    kernel: str | None = Field(default=None, pattern=_WORD)
    modules: tuple[str, ...] = ("virtio_pci", "virtio_blk", "virtio_console", "ext4")
    generic: str | None = Field(default=None, pattern=_WORD)
    generic_modules: tuple[Annotated[str, Field(pattern=_WORD)], ...] = ()
    exclude: tuple[Annotated[str, Field(pattern=_PATTERN)], ...] = ()
    run: tuple[str, ...] = ()
    native: bool = False
    epoch: int = Field(default=1_700_000_000, ge=0, lt=2**31)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The packages of its kernels."""
        return tuple(package for package in (self.kernel, self.generic) if package)

    def on(self, architecture: str) -> Self:
        """Return the recipe for another architecture, by Debian's name of it, which its kernel's package ends with.

        A second kernel is left out: it is for devices of this machine's kind.
        """
        if architecture == foreign.native():
            return self
        kernel = self.kernel and self.kernel.replace(foreign.native(), architecture)
        more = {"architecture": architecture, "kernel": kernel, "generic": None, "generic_modules": ()}
        return self.model_validate(self.model_dump() | more)

    @cached_property
    def digest(self) -> str:
        """The sha256 of the recipe together with the code that turns it into bytes: what a cached image must match."""
        content = hashlib.sha256(self.model_dump_json().encode())
        for path in [*(_HERE / name for name in _CONTENT), *native_sources()]:
            content.update(path.read_bytes())
        return content.hexdigest()


def native_sources() -> list[Path]:
    """Return the files of the folder of C sources that an image compiles for itself."""
    return sorted(path for path in NATIVE.iterdir() if path.is_file())


def load(path: Path = DEFAULT) -> Recipe:
    """Return the recipe in a TOML file; raises InputError that names the key and, for a misspelt one, the nearest."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"The recipe '{path}' cannot be read: {error.strerror}.", "Name a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe '{path}' is not TOML: {error}.", f"An example is '{DEFAULT}'.") from None
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise _explain(path, error.errors()[0]) from None


def _explain(path: Path, error: Any) -> VbenchError:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        wrong = unknown("key", key, Recipe.model_fields)
        return InputError(f"The recipe '{path}' has an unknown key '{key}'.", wrong.remedy)
    return InputError(f"The recipe '{path}' is wrong at '{key}': {error['msg']}.", f"An example is '{DEFAULT}'.")
