"""The plug-in door: the example of the page, installed and entered; and plug-ins that are wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.targets.entering import ROOT, SETTINGS, Bench, ask
from vbench.errors import HostError, InputError
from vbench.targets.catalogue import Catalogue

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"```\w+\n# (\S+)\n(.*?)```", re.DOTALL)
Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's package, installed by pip into a folder of Python's path."""
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name, content in BLOCK.findall(PAGE.read_text()):
        (source / name).write_text(content)
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    monkeypatch.syspath_prepend(site)
    return site


def plug_in(folder: Path, module: str, **points: str) -> None:
    """Write a package without pip: a module and the metadata that names its hops."""
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (about / "entry_points.txt").write_text("\n".join(["[vbench.hops]", *lines, ""]))


def test_the_example_has_40_lines() -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    assert [name for name, _ in blocks] == ["pyproject.toml", "vbench_nice.py"]
    assert sum(content.count("\n") for _, content in blocks) <= 40


@pytest.mark.real
@pytest.mark.skipif(not ROOT, reason="the network and the limits need root")
@pytest.mark.usefixtures("example")
def test_the_example_installs_and_can_be_entered(bench: Bench) -> None:
    catalogue = Catalogue()
    assert "nice" in catalogue.names()
    plugged = Bench(bench.host, catalogue)
    for name, level in (("nice", "10"), ("nice:level=15", "15"), ("bwrap/nice:level=5", "5")):
        with plugged.enter(name, SETTINGS) as instance:
            assert ask(instance, "nice") == level
            assert ask(instance, "echo x > /data/y; cat /data/y") == "x"


@pytest.mark.usefixtures("example")
def test_the_example_is_listed_and_explained(capsys: Capsys) -> None:
    said = call(capsys, "targets", "nice", "--json")
    (row,) = json.loads(said.out)["targets"]
    assert (row["hops"], row["runnable"], row["plugins"]) == (["nice"], True, {"nice": "vbench-nice 1.0"})
    assert row["ways"][0]["needs"] == "coreutils, for nice(1)."
    assert "level" in [option["key"] for option in row["options"]]
    assert "how much lower" in call(capsys, "targets", "nice").out


GOOD = """
from vbench.targets.bare import Bare
from vbench.targets.boxes import BOXES

box = BOXES[0]


class Less:
    name = "less"


class Cannot(Bare):
    def missing(self, outer):
        raise OSError("no idea")
"""


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plug-ins with all that can be wrong with one, and two among them that are right."""
    (tmp_path / "broken.py").write_text("raise RuntimeError('no\\nluck \\x1b[31m')\n")
    (tmp_path / "good.py").write_text(GOOD)
    plug_in(tmp_path, "broken", boom="broken:Hop", absent="gone:Hop")
    more = {"lost": "good:Gone", "less": "good:Less", "cannot": "good:Cannot", "Upper": "good:Bare"}
    plug_in(tmp_path, "good", podman="good:Bare", ours="good:Bare", another="good:box", **more)
    plug_in(tmp_path, "late", ours="good:Bare")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("wrong")
def test_a_plug_in_that_is_wrong_is_named_and_harms_no_other() -> None:
    catalogue = Catalogue()
    assert set(catalogue.plugins.hops) == {"ours", "another"}
    assert catalogue.brought["ours"] == ("good 1.0",)
    refused = catalogue.plugins.refused
    assert set(refused) == {"boom", "absent", "podman", "lost", "less", "cannot", "Upper", "ours"}
    assert refused["boom"] == "The hop 'boom' of 'broken 1.0' is left out: RuntimeError: no luck [31m."
    assert refused["podman"] == "The hop 'podman' of 'good 1.0' is left out: ValueError: the name is taken."
    assert refused["ours"].startswith("The hop 'ours' of 'late 1.0' is left out")
    for name, said in (("less", "no 'takes_devices'"), ("cannot", "no idea"), ("Upper", "a letter")):
        assert said in refused[name]
    assert catalogue.target("podman").hops == Catalogue().target("podman").hops
    with pytest.raises(HostError, match=r"The hop 'boom' of 'broken 1\.0'"):
        catalogue.target("bare/boom")


@pytest.mark.usefixtures("wrong")
def test_the_list_warns_of_them(capsys: Capsys) -> None:
    said = call(capsys, "targets", "--json")
    document = json.loads(said.out)
    assert len(document["warnings"]) == 8
    assert {"bare", "ours", "another"} <= {row["name"] for row in document["targets"]}
    said = call(capsys, "targets")
    assert [line.split("'")[1] for line in said.err.splitlines()] == [
        line.split("'")[1] for line in document["warnings"]
    ]


@pytest.mark.usefixtures("example")
def test_an_option_of_a_plug_in_that_cannot_be_read_is_named() -> None:
    with pytest.raises(InputError) as caught:
        Catalogue().target("nice:level=much")
    assert caught.value.message == "'much' is no value of the option 'level'."
    assert caught.value.remedy == "It is how much lower, up to 19."
