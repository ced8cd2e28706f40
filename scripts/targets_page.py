"""Write docs/targets.md anew from the hops' code; the commands are those of this machine."""

from pathlib import Path

from vbench.ledger import Ledger
from vbench.model import CONTROL
from vbench.reports.ways_page import page
from vbench.run.showing import show
from vbench.targets.catalogue import Catalogue
from vbench.targets.place import Settings

PAGE = Path(__file__).parents[1] / "docs" / "targets.md"


def made() -> str:
    """Return the page as it is made here."""
    catalogue, settings = Catalogue(), Settings()
    names = [name for name in catalogue.hops if name != CONTROL]
    with Ledger() as ledger:
        shown = show([catalogue.target(name) for name in names], catalogue, settings, ledger)
    return page(catalogue, dict(zip(names, shown, strict=True)), settings)


if __name__ == "__main__":
    PAGE.write_text(made())
