"""What the host gives to a run: CPUs for the targets and CPUs for us, a network of our own, passing folders."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from vbench.errors import InputError
from vbench.image import Image
from vbench.ledger import Ledger
from vbench.store.bundle import slug
from vbench.targets.network import Network, network
from vbench.targets.place import Place, host_place


@dataclass(frozen=True)
class Machine:
    """The image, the ledger, the network if there is one, the targets' CPUs, and those left to us and the peer."""

    image: Image
    ledger: Ledger
    network: Network | None
    target_cpus: tuple[int, ...]
    other_cpus: tuple[int, ...]
    addresses: dict[str, str] = field(default_factory=dict)  # by target: a restored guest must keep its own

    @contextmanager
    def place(self, target: str, *, peer: bool = False) -> Iterator[Place]:
        """Give this host as a place for one instance, with a passing folder, CPUs and an address."""
        net = self.network
        if net and target not in self.addresses:
            self.addresses[target] = next(net.addresses)
        with self.ledger.folder_for(slug(target)) as folder:
            yield host_place(
                self.image,
                self.ledger,
                folder,
                cpus=self.other_cpus if peer else self.target_cpus,
                address="" if peer else self.addresses.get(target, ""),
                netns="" if net is None else net.peer if peer else net.host,
            )


def enough(cpus: int) -> list[int]:
    """Return the CPUs that we may use; InputError where they are fewer than a target's `cpus`."""
    allowed = sorted(os.sched_getaffinity(0))
    if cpus > len(allowed):
        raise InputError(f"{cpus} CPUs are asked for and {len(allowed)} are there.", f"Use --cpus {len(allowed)}.")
    return allowed


@contextmanager
def machine(image: Image, ledger: Ledger, cpus: int, *, wired: bool) -> Iterator[Machine]:
    """Split the CPUs between the targets and us, move ourselves off the targets', and make the network."""
    allowed = enough(cpus)
    targets, others = tuple(allowed[-cpus:]), tuple(allowed[:-cpus]) or tuple(allowed)
    with ExitStack() as stack:
        os.sched_setaffinity(0, others)
        stack.callback(os.sched_setaffinity, 0, allowed)
        names = stack.enter_context(network(ledger)) if wired else None
        yield Machine(image, ledger, names, targets, others)
