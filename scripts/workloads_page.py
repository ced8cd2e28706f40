"""Write docs/workloads.md anew from the shipped workloads' files."""

from pathlib import Path

from vbench import config
from vbench.reports.catalogue import page

PAGE = Path(__file__).parents[1] / "docs" / "workloads.md"

if __name__ == "__main__":
    PAGE.write_text(page(config.workloads()))
