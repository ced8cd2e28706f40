"""A home of the test's own."""

from collections.abc import Iterator

import pytest

from tests.run.command import Home, temporary_home
from vbench.image import Image


@pytest.fixture
def home(image: Image) -> Iterator[Home]:
    """An empty home that shares the workload image."""
    with temporary_home(image.root.parent) as home:
        yield home
