"""Snapshots from inside real targets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vbench.image import Image
from vbench.ledger import Ledger
from vbench.probes import Snapshot
from vbench.run.machine import machine
from vbench.store import snapshot
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import open_target
from vbench.targets.place import Settings

Inside = Callable[[str], Snapshot]


@pytest.fixture
def inside(image: Image) -> Iterator[Inside]:
    """Give the function that opens a target, lets its agent take a snapshot, and closes it."""
    with Ledger() as ledger, machine(image, ledger, 1, wired=False) as host:

        def take(name: str, options: dict[str, Any] | None = None) -> Snapshot:
            target = Catalogue().target(name)
            with host.place(name) as place, open_target(target, place, Settings(accelerator="tcg"), ledger) as instance:
                return snapshot.of_agent(instance.pipe.snapshot(options or {}))

        yield take
