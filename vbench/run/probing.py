"""Snapshots that need a target: of the inside of one, and of this host with what a boot has proven."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from vbench.agent import collect
from vbench.errors import VbenchError
from vbench.image import check, find
from vbench.ledger import Ledger
from vbench.probes import Snapshot
from vbench.run.machine import machine
from vbench.store.snapshot import of_agent
from vbench.targets import accelerator
from vbench.targets.catalogue import Catalogue
from vbench.targets.chain import Instance, open_target
from vbench.targets.place import Settings

GUEST, NESTED = "kvm", "kvm/kvm"


def of_target(name: str, catalogue: Catalogue) -> Snapshot:
    """Return the snapshot of the inside of a target, opened for this purpose and gone afterwards."""
    with Ledger() as ledger, opened(name, catalogue, ledger, Settings()) as instance:
        return of_agent(instance.pipe.snapshot({}))


def proven(catalogue: Catalogue) -> Snapshot:
    """Return this host's snapshot with the outcome of booting a guest and a nested guest, now and here, in it."""
    with Ledger() as ledger:

        def boot(kind: str) -> None:
            with opened(GUEST, catalogue, ledger, Settings(accelerator=kind)):
                pass

        accelerator.forget()
        proof = accelerator.prove(boot)
        if not proof.booted:
            boot("tcg")  # what does not boot under emulation either is an error, not a fact
        nested, why = _nested(catalogue, ledger)
    snapshot = of_agent(collect.snapshot({}))
    kvm = dict(snapshot.section("kvm")) | ({} if proof.booted is None else {"booted": proof.booted})
    outcome = {"guest": proof.accelerator, "reason": proof.reason, "nested": nested, "nested_reason": why}
    return replace(snapshot, json={**snapshot.json, "kvm": kvm, "proof": outcome})


def _nested(catalogue: Catalogue, ledger: Ledger) -> tuple[str | None, str]:
    """Return the accelerators of a nested guest that booted, or None and why it did not."""
    try:
        with opened(NESTED, catalogue, ledger, Settings()) as instance:
            return instance.accelerator, "a nested guest said hello"
    except VbenchError as error:
        return None, error.message


@contextmanager
def opened(name: str, catalogue: Catalogue, ledger: Ledger, settings: Settings) -> Iterator[Instance]:
    """Give an instance of a target that nothing is measured in."""
    target = catalogue.runnable(name)
    image = find(None)
    check(image)
    with ExitStack() as stack:
        host = stack.enter_context(machine(image, ledger, settings.cpus, wired=os.getuid() == 0))
        place = stack.enter_context(host.place(name))
        yield stack.enter_context(open_target(target, place, settings, ledger))
