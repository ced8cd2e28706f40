"""What the catalogue says of its hops, that the commands it shows are those that are run, and the page of it all."""

import re

import pytest

from scripts.targets_page import PAGE, made
from tests.run.command import Home
from tests.targets.entering import ROOT, SETTINGS, Bench
from vbench.ledger import Ledger
from vbench.targets.catalogue import Catalogue
from vbench.targets.explain import behind, way
from vbench.targets.shown import commands

NAMED = re.compile(r"vbench-[\w.-]*\d[\w.-]*|vbtap\d+|(?<=52:54:00:)[0-9a-f:]{8}")
MACHINE = re.compile(r"Those below are what runs on\s+(.*?);", re.DOTALL)
NONE = "\n# None here"


def general(argv: list[str]) -> list[str]:
    """A command without the names that are new every time."""
    return [NAMED.sub("NAME", word) for word in argv]


@pytest.mark.parametrize("name", Catalogue().hops)
def test_every_hop_says_what_it_is_and_needs_and_what_its_options_mean(name: str) -> None:
    about = way(Catalogue().hops[name])
    assert about.summary.endswith(".")
    assert about.needs.endswith(".")
    assert all(choice.summary for choice in about.options)
    assert all(choice.default in (*choice.values, "") for choice in about.options if choice.values)


def test_what_may_stand_behind_a_hop_is_what_lacks_nothing_there() -> None:
    catalogue = Catalogue()
    found = behind(catalogue.hops["bwrap"], catalogue)
    assert {"unshare", "bare"} <= set(found)
    assert "lxc" not in found


@pytest.mark.real
@pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
@pytest.mark.parametrize("name", ["bare", "bwrap", "runc", "kvm:slots=1"])
def test_the_command_that_is_shown_is_the_one_that_is_run(bench: Bench, name: str) -> None:
    target = bench.catalogue.target(name)
    with bench.host.place(name) as place:
        (shown,) = commands(target, place, SETTINGS, bench.host.ledger)
    with bench.enter(name) as instance:
        run = instance.pipe.process.args
    assert isinstance(run, list)
    assert general([*shown.before, *shown.argv]) == general(run)


@pytest.mark.real
@pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
def test_the_page_is_what_the_hops_say(shared_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command looks like depends on the machine: on one of another kind only the rest of the page can agree."""
    for name, value in shared_home.environment().items():
        if name.startswith(("XDG_", "VBENCH_")):
            monkeypatch.setenv(name, value)
    with Ledger() as ledger:
        written, anew = PAGE.read_text(), made(ledger)
    again = "run: .venv/bin/python scripts/targets_page.py"
    assert MACHINE.sub("", written).split("```")[::2] == MACHINE.sub("", anew).split("```")[::2], again
    if MACHINE.findall(written) == MACHINE.findall(anew):
        pairs = zip(written.split("```")[1::2], anew.split("```")[1::2], strict=True)
        both = [pair for pair in pairs if not any(block.startswith(NONE) for block in pair)]
        assert len(both) > len(Catalogue().hops) / 2
        assert all(one == other for one, other in both), again
