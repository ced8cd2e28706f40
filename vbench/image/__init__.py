"""The workload image: one root, named by its digest, for every target."""

from vbench.image.builder import build
from vbench.image.integrity import check
from vbench.image.manifest import Manifest
from vbench.image.recipe import Recipe
from vbench.image.recipe import load as load_recipe
from vbench.image.store import Image, find, images, newest, remove
from vbench.image.transfer import export, import_
from vbench.image.xen import with_xen

__all__ = [
    "Image",
    "Manifest",
    "Recipe",
    "build",
    "check",
    "export",
    "find",
    "images",
    "import_",
    "load_recipe",
    "newest",
    "remove",
    "with_xen",
]
