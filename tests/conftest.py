"""What every room's tests may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import vbench.image
from tests.run.command import Home, temporary_home
from vbench.image import Image

BESIDE = "beside"
# Tests of the machine that the other worker runs, on the other CPU, once it is done with the catalogue.
ON_THE_OTHER_WORKER = ["all", "build", "boot", "killed", "docker", "podman", "podman_rootless", "ssh", "vmm", "gvisor"]


# Of what takes minutes in these files CI has what is named here; `make zoo` has all of it.
LONG = {"test_killed", "test_paths", "test_ssh"}
IN_CI = ("a_part_of_a_container_is_killed", "what_watches", "kvm/kvm/bwrap")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what uses the machine itself into two groups, each run in order: the workers take one each, and the rest."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if item.path.stem in LONG and item.get_closest_marker("slow") and not any(name in item.name for name in IN_CI):
            item.add_marker(pytest.mark.zoo)
        if item.get_closest_marker("xdist_group"):
            continue
        if item.path.stem.removeprefix("test_") in ON_THE_OTHER_WORKER:
            item.add_marker(pytest.mark.xdist_group(BESIDE))
        elif "image" in fixtures or item.get_closest_marker("real") or item.path.parent.name == "image":
            item.add_marker(pytest.mark.xdist_group("machine"))


@pytest.fixture(autouse=True)
def _cpu(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep what runs beside the tests of the machine off the CPU that their targets have."""
    group = request.node.get_closest_marker("xdist_group")
    allowed = os.sched_getaffinity(0)
    if group and group.args == (BESIDE,) and os.environ.get("PYTEST_XDIST_WORKER"):
        os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


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
