"""What every room's tests may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import vbench.image
from tests.run.command import Home, temporary_home
from vbench.image import Image


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whatever uses the machine itself into one group: one worker runs it in order, the other the pure rest."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.get_closest_marker("xdist_group"):
            continue
        if "image" in fixtures or item.get_closest_marker("real") or item.path.parent.name == "image":
            item.add_marker(pytest.mark.xdist_group("machine"))


@pytest.fixture(scope="session")
def image() -> Image:
    """The default workload image, from the user's own store, where it is built if need be."""
    return vbench.image.build()


@pytest.fixture(scope="session")
def shared_home(image: Image) -> Iterator[Home]:
    """One home for all tests that enter podman, because a storage takes its time to import the image."""
    with temporary_home(image.root.parent) as home:
        yield home


@pytest.fixture
def xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own for everything that vbench keeps; returns the folder that holds it."""
    for kind in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    return tmp_path
