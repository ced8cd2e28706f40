import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.small import make, store_is_clean
from vbench import paths
from vbench.errors import HostError, InputError
from vbench.image import check, find, images, load_recipe, remove
from vbench.image.store import workshop

pytestmark = pytest.mark.usefixtures("xdg")


def relabel(folder: Path, digest: str) -> None:
    """Give an image another digest, for the sake of what `find` has to tell apart."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(folder.name, digest))
    folder.rename(folder.with_name(digest))


def test_no_image_says_how_to_come_by_one() -> None:
    with pytest.raises(HostError) as caught:
        find()
    assert "vbench image build" in caught.value.remedy


def test_a_prefix_finds_one_image_and_an_ambiguous_one_none() -> None:
    for content, digest in ((b"1", "ab1" + "0" * 61), (b"2", "ab2" + "0" * 61)):
        relabel(make(content).root, digest)
    assert find("ab2").digest.startswith("ab2")
    with pytest.raises(InputError, match="2 images") as caught:
        find("ab")
    assert "ab1000000000, ab2000000000" in caught.value.remedy
    for nothing in ("", "abc", "../ab1"):
        with pytest.raises(InputError):
            find(nothing)


def test_the_newest_image_of_the_default_recipe_comes_first_then_the_newest() -> None:
    old, new = make(b"old", created=1), make(b"new", created=2)
    assert images() == [new, old]
    assert find() == new
    default = make(b"default", created=0, recipe=load_recipe().digest)
    assert find() == default


def test_remove_leaves_nothing() -> None:
    one, other = make(b"one"), make(b"other")
    remove(one)
    assert images() == [other]
    assert store_is_clean()


def test_a_folder_without_a_fitting_manifest_is_no_image() -> None:
    image = make()
    (image.root / "manifest.json").write_text("{}")
    assert images() == []


def test_the_same_content_is_one_image_that_stays_in_place() -> None:
    first = make(b"same", created=1)
    inode = first.disk.stat().st_ino
    assert make(b"same", created=2).digest == first.digest
    assert [image.manifest.created for image in images()] == [2]
    assert first.disk.stat().st_ino == inode
    assert store_is_clean()


def test_a_changed_image_makes_way_for_the_same_one_made_again() -> None:
    image = make(b"same")
    image.disk.write_bytes(b"changed")
    check(make(b"same"))
    assert images() == [image]
    assert store_is_clean()


HOLDER = """
import subprocess, sys, time
from vbench.image.store import workshop
with workshop() as shop:
    (shop.folder / "half").write_text("made")
    child = subprocess.Popen(["sleep", "60"], pass_fds=(shop.lock,))
    print(child.pid, flush=True)
    time.sleep(60)
"""


def locked() -> bool:
    with (paths.images() / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_what_a_killed_builder_left_is_removed_once_its_last_process_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        child = int(holder.stdout.readline())
        holder.kill()
    assert locked()
    assert list(paths.images().glob(".partial-*/half"))
    subprocess.run(["kill", str(child)], check=True)
    with workshop():
        assert not list(paths.images().glob(".partial-*/half"))
    assert store_is_clean()


def test_a_folder_that_cannot_be_written_is_a_host_error(xdg: Path) -> None:
    (xdg / "data").write_text("a file where the folder belongs")
    with pytest.raises(HostError, match="cannot be changed"), workshop():
        pass


def test_an_interrupted_workshop_is_empty_afterwards() -> None:
    code = "import os, signal\nfrom vbench.image.store import workshop\n"
    code += "with workshop() as shop:\n    (shop.folder / 'half').touch()\n    os.kill(os.getpid(), signal.SIGINT)\n"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == -signal.SIGINT
    assert store_is_clean()
