"""What an image says of itself: manifest.json, schema vbench.image/1."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Literal["rootfs.tar", "root.ext4", "vmlinux", "initramfs.cpio", "vmlinux-generic", "xen"]

MAX_MANIFEST = 4 * 2**20  # bytes; a thousand packages take 50 kB


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileRecord(_Frozen):
    """A file's size in bytes and its sha256."""

    size: int = Field(ge=0)
    sha256: Sha256


class RecipeRecord(_Frozen):
    """The recipe's settings as JSON and the digest by which a second build finds this image."""

    settings: str
    digest: Sha256


class Kernel(_Frozen):
    """The kernel's package, its version, and the release that `uname -r` shows."""

    package: str
    version: str
    release: str


class Manifest(_Frozen):
    """Everything that identifies an image; `digest` is the sha256 of rootfs.tar, `created` seconds since 1970.

    `generic` is a second kernel, with drivers for the hardware that a cloud's kernel leaves out.
    `mke2fs` is the version that laid out the disk: the same tar and the same version give the same disk.
    """

    schema_: Literal["vbench.image/1"] = Field(default="vbench.image/1", alias="schema")
    digest: Sha256
    created: float
    recipe: RecipeRecord
    suite: str
    architecture: str
    epoch: int = Field(ge=0, lt=2**32)
    packages: dict[str, str]
    kernel: Kernel | None
    generic: Kernel | None = None
    mke2fs: str
    files: dict[FileName, FileRecord]
