"""Where vbench keeps things: the XDG folders, made on first use."""

import os
import tempfile
from pathlib import Path

from vbench.errors import InputError

SEPARATORS = ",:\\"  # of QEMU's options, of volumes, of systemd-nspawn's binds


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "vbench"


def data() -> Path:
    """Return the folder of what must last: images and run bundles."""
    return _harmless("XDG_DATA_HOME", _xdg("XDG_DATA_HOME", ".local/share"))


def cache() -> Path:
    """Return the folder of what can be made again."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def config() -> Path:
    """Return the folder of the user's own settings."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def runs() -> Path:
    """Return the folder of the run bundles."""
    return data() / "runs"


def index() -> Path:
    """Return the index over the run bundles, which can be thrown away."""
    return data() / "index.sqlite"


def images() -> Path:
    """Return the folder of the workload images, one folder a digest."""
    return data() / "images"


def state() -> Path:
    """Return the folder of the ledgers that say what must be cleaned up."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def scratch() -> Path:
    """Return a folder that is on a real disk, for what is large and passing."""
    large = "/var/tmp"  # noqa: S108 - a folder of ours is made in it, with a random name
    folder = os.environ.get("VBENCH_SCRATCH") or (large if os.access(large, os.W_OK) else tempfile.gettempdir())
    return _harmless("VBENCH_SCRATCH", Path(folder))


def _harmless(variable: str, folder: Path) -> Path:
    """Return a folder that no engine's command line splits. Raises InputError."""
    for sign in str(folder):
        if sign in SEPARATORS or not sign.isprintable():
            message = f"The folder {str(folder)!r} has {sign!r} in it, which engines take for a separator."
            raise InputError(message, f"Set {variable} to another.")
    return folder
