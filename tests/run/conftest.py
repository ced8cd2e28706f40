"""A home of the tests' own, and vbench as people call it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.command import Home
from vbench.image import Image


@pytest.fixture(scope="session")
def image_store(image: Image) -> Path:
    """The folder that holds the workload image."""
    return image.root.parent


@pytest.fixture
def home(image_store: Path) -> Iterator[Home]:
    """An empty home that shares the workload image; a folder on a real disk that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vbtest-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield Home.make(folder, image_store)
    finally:
        shutil.rmtree(folder)
