"""Write docs/targets.md anew from the hops' code; the commands are those of this machine."""

from pathlib import Path

from vbench.ledger import Ledger
from vbench.reports.ways_page import examples, page
from vbench.run.showing import show
from vbench.targets.catalogue import Catalogue
from vbench.targets.place import Settings

PAGE = Path(__file__).parents[1] / "docs" / "targets.md"


def made(ledger: Ledger) -> str:
    """Return the page as it is made here."""
    catalogue, settings = Catalogue(), Settings()
    targets = examples(catalogue)
    shown = show([*targets.values()], catalogue, settings, ledger)
    return page(catalogue, dict(zip(targets, shown, strict=True)), settings)


if __name__ == "__main__":
    with Ledger() as own:
        PAGE.write_text(made(own))
