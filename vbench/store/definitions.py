"""The workloads of a run as they were: their text and the files beside it, kept in the bundle.

`workloads/NAME/` has the form of a user's folder of workloads, so what is read back has passed the same checks.
"""

from collections.abc import Iterable
from pathlib import Path

from vbench import config
from vbench.errors import StoreError
from vbench.workloads import Workload

FOLDER = "workloads"


def keep(folder: Path, workloads: Iterable[Workload]) -> None:
    """Write the workloads into a bundle's folder; StoreError where the disk refuses."""
    try:
        for workload in workloads:
            short = workload.name.partition(".")[2]
            home = folder / FOLDER / workload.name / workload.family
            home.mkdir(parents=True)
            for name, content in workload.contents.items():
                (home / name).write_bytes(content)
            (home / f"{short}.toml").write_bytes(workload.text.encode())
    except OSError as error:
        raise StoreError(f"'{folder}' cannot be written: {error.strerror}.", "Make room.") from None


def kept(folder: Path) -> dict[str, Workload]:
    """Return the workloads of a bundle by name; InputError for what is wrong in one of them."""
    homes = sorted(home for home in (folder / FOLDER).glob("*") if home.is_dir())
    return {workload.name: workload for home in homes for workload in config.folder_of(home)}
