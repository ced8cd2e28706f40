from pathlib import Path

import pytest

from vbench.errors import InputError
from vbench.image.recipe import Recipe, load


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.toml"
    file.write_text(text)
    return file


def test_the_default_recipe_has_what_the_jobs_and_the_agent_need() -> None:
    assert {"python3", "fio", "sysbench", "iperf3", "busybox-static"} <= set(load().packages)


def test_a_misspelt_key_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'pakages'") as caught:
        load(write(tmp_path, 'suite = "bookworm"\npakages = ["fio"]'))
    assert caught.value.remedy == "Did you mean 'packages'?"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "suite"),
        ('suite = "bookworm"\nvariant = "extract"', "variant"),
        ('suite = "--hook-dir=/tmp"', "suite"),
        ('suite = "bookworm"\npackages = ["fio,ssh"]', "packages.0"),
        ('suite = "bookworm"\nmirror = "deb [trusted=yes] http://x y main"', "mirror"),
        ("suite = ", "TOML"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        load(write(tmp_path, text))


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_the_digest_follows_the_settings() -> None:
    one, same = Recipe(suite="bookworm", packages=("fio",)), Recipe(suite="bookworm", packages=("fio",))
    assert one.digest == same.digest != Recipe(suite="bookworm", packages=("fio", "perl")).digest
