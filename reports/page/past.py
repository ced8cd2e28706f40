"""The page of a workload's history: a figure and a table for each metric and target."""

from vbench.reports.figures.course import course
from vbench.reports.history import History
from vbench.reports.history_render import page as words
from vbench.reports.page import render
from vbench.reports.page.content import Picture


def past(found: History) -> str:
    """Return the history as HTML."""
    pictures = tuple(
        Picture(f"series-{number}", f"{one.metric} on {one.target}", _says(one.newest), course(one))
        for number, one in enumerate(found.series)
    )
    return render("history", pictures, it=words(found), found=found)


def _says(newest: str) -> str:
    return f"A dot is a run, a dashed rule a change of level, the band where the next should fall. Newest: {newest}."
