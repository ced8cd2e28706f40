"""A recipe becomes an image. The same recipe and the same archive give the same bytes."""

import time
from pathlib import Path

from vbench.errors import VbenchError
from vbench.image import boot, disk, foreign, integrity, mmdebstrap, store, tarball, xen
from vbench.image.manifest import FileName, FileRecord, Manifest, RecipeRecord
from vbench.image.mmdebstrap import Progress
from vbench.image.recipe import Recipe, load
from vbench.image.store import Image, Workshop


def build(recipe: Recipe | None = None, progress: Progress = print, *, fresh: bool = False) -> Image:
    """Return the image of a recipe (None: the default one), built if it is not there yet or `fresh` asks for it.

    Raises HostError for a missing tool, no space or no mirror, InputError for what is wrong in the recipe. Whatever
    ends a build, no half image, process or mount stays behind.
    """
    recipe = recipe or load()
    if not fresh and (cached := _cached(recipe)):
        return cached
    with store.workshop(progress) as shop:
        # Whoever held the lock before may have built it.
        return (None if fresh else _cached(recipe)) or _build(recipe, shop, progress)


def _cached(recipe: Recipe) -> Image | None:
    found = (image for image in store.images() if image.manifest.recipe.digest == recipe.digest and _intact(image))
    return next(found, None)


def _intact(image: Image) -> bool:
    try:
        integrity.check(image)
    except VbenchError:
        return False
    return True


def settle(shop: Workshop, manifest: Manifest) -> Image:
    """Return the image that lies in a workshop, in its place; one that is there and the same stays, for it may run."""
    for image in store.images():
        if (image.digest, image.manifest.files) == (manifest.digest, manifest.files) and _intact(image):
            return store.relabel(image, manifest)
    return store.adopt(shop, manifest)


def _build(recipe: Recipe, shop: Workshop, progress: Progress) -> Image:
    new, debs = shop.folder / "image", shop.folder / "kernel"
    new.mkdir()
    debs.mkdir()
    tar = new / "rootfs.tar"
    mmdebstrap.bootstrap(recipe, tar, debs, shop.lock, progress)
    # mmdebstrap adds /dev with its nodes or not at all; the agent is mounted on the empty file.
    tarball.append(tar, [("dev", None), (f"{boot.INSIDE}/agent.pyz", b"")], recipe.epoch)
    unpacked = boot.unpack(recipe.kernel, debs) if recipe.kernel else None
    if unpacked:
        progress("adding kernel, modules and initramfs")
        boot.add(recipe, tar, unpacked)
    generic = boot.unpack(recipe.generic, debs) if recipe.generic else None
    if generic:
        progress("adding the generic kernel")
        boot.add_generic(recipe, tar, generic)
    if hypervisor := xen.hypervisor(tar):
        tarball.append(tar, [(f"{boot.INSIDE}/xen", hypervisor)], recipe.epoch)
    progress("unpacking the root and writing the disk")
    files = derive(new, recipe.epoch)
    status = boot.member(tar, "var/lib/dpkg/status") or b""
    packages = _packages(status.decode(errors="replace"))
    manifest = Manifest(
        digest=files["rootfs.tar"].sha256, created=time.time(), suite=recipe.suite, epoch=recipe.epoch,
        recipe=RecipeRecord(settings=recipe.model_dump_json(), digest=recipe.digest),
        architecture=recipe.architecture or foreign.native(), packages=packages,
        kernel=unpacked.identity if unpacked else None, generic=generic.identity if generic else None,
        mke2fs=disk.version(), files=files,
    )  # fmt: skip
    return settle(shop, manifest)


def derive(folder: Path, epoch: int) -> dict[FileName, FileRecord]:
    """Make rootfs/ and root.ext4 of a folder's rootfs.tar and return what the manifest says of all its files."""
    tar = folder / "rootfs.tar"
    survey = tarball.survey(tar)
    tarball.unpack(tar, folder / "rootfs")
    disk.make(folder / "rootfs", folder / "root.ext4", survey, epoch)
    inside = folder / "rootfs" / boot.INSIDE
    files: dict[FileName, FileRecord] = {
        "rootfs.tar": store.record(tar),
        "root.ext4": store.record(folder / "root.ext4"),
    }
    if (inside / "vmlinux").is_file():
        files |= {"vmlinux": store.record(inside / "vmlinux")}
        files |= {"initramfs.cpio": store.record(inside / "initramfs.cpio")}
    if (inside / "xen").is_file():
        files |= {"xen": store.record(inside / "xen")}
    if (generic := folder / "rootfs" / boot.GENERIC / "vmlinux").is_file():
        files |= {"vmlinux-generic": store.record(generic)}
    return files


def _packages(status: str) -> dict[str, str]:
    """Return name -> version of every package that dpkg's status file lists."""
    found = {}
    for stanza in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        if "Package" in fields and "Version" in fields:
            found[fields["Package"]] = fields["Version"]
    return dict(sorted(found.items()))
