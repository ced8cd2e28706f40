"""The commands as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.small import make

pytestmark = pytest.mark.usefixtures("xdg")


def vbench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vbench", "image", *words], capture_output=True, text=True, check=False
    )


def test_an_image_goes_out_and_comes_back(tmp_path: Path) -> None:
    image, file = make(), str(tmp_path / "image.tar.zst")
    assert vbench("export", image.short, file).returncode == 0
    assert vbench("remove", image.short).returncode == 0
    assert "vbench image build" in vbench("list").stdout
    assert vbench("import", file).stdout == f"{image.digest}\n"
    assert image.short in vbench("list").stdout


def test_programs_get_every_digest() -> None:
    image = make()
    listed = json.loads(vbench("list", "--json").stdout)
    assert listed["schema"] == "vbench.images/1"
    (only,) = listed["images"]
    assert (only["digest"], only["path"]) == (image.digest, str(image.root))
    assert only["files"]["root.ext4"]["sha256"] == image.manifest.files["root.ext4"].sha256


@pytest.mark.parametrize(
    "words",
    [
        ["remove", "abc"],
        ["export", "abc", "nowhere/image.tar"],
        ["import", "nowhere.tar"],
        ["build", "--recipe", "nowhere.toml"],
    ],
)
def test_what_is_not_there_is_a_usage_error_in_a_sentence_and_a_remedy(words: list[str]) -> None:
    make()
    done = vbench(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("vbench: ")
    assert done.stderr.count("\n") == 1
