"""The root of an image by mmdebstrap, and what its failures mean."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

from vbench import paths
from vbench.errors import HostError, InputError, VbenchError
from vbench.image import foreign
from vbench.image.recipe import INSIDE, Recipe, native_sources

Progress = Callable[[str], None]

_CARRY = "Carry an image here with `vbench image import FILE`"
_AS_ROOT = "Run as root, or apt-get install uidmap and list the user in /etc/subuid and /etc/subgid."
# Kills every process of a build and drops its mounts when vbench dies, however it dies.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
_CONTAINED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# What a mirror's network and a user's proxy need; anything else would make a build depend on whose it is.
_ENVIRONMENT = re.compile(r"PATH|HOME|\w+_proxy", re.IGNORECASE)

_FETCH_KERNEL = """set -e
mkdir -p "$1/vbench-kernel/{package}"
cd "$1/vbench-kernel/{package}"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get download -q $(apt-cache depends --recurse --important {package} | grep '^linux-image')
"""
# mmdebstrap leaves the host's own name and resolver in the root.
_FINISH = """set -e
cd "$1"
rm -f etc/resolv.conf etc/hostname
echo vbench >etc/hostname
chmod 644 etc/hostname
printf '127.0.0.1 localhost vbench\\n::1 localhost\\n' >etc/hosts
mkdir -p data dev proc run sys tmp
"""


def bootstrap(recipe: Recipe, tar: Path, kernel: Path, lock: int, progress: Progress) -> None:
    """Write the root to `tar` and the kernel's packages into the folder `kernel`.

    `lock` is a descriptor that every process of the build inherits: while one of them lives, the lock is held.
    """
    argv = [*_prefix(recipe), "mmdebstrap", *_options(recipe, kernel), recipe.suite, str(tar)]
    argv += [recipe.mirror] if recipe.mirror else []
    env = {name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)}
    env |= {"LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(recipe.epoch)}
    env |= {"TMPDIR": str(tar.parent if _is_root() else paths.scratch())}
    said: deque[str] = deque(maxlen=40)
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, errors="replace", process_group=0, pass_fds=(lock,),
    ) as process:  # fmt: skip
        try:
            for line in process.stderr or ():
                said.append(line.rstrip())
                if line.startswith("I: "):
                    progress(line[3:].rstrip())
        except BaseException:
            # As a user, mmdebstrap takes its own namespace down; as root ours goes with its first process.
            os.killpg(process.pid, signal.SIGKILL if _is_root() else signal.SIGTERM)
            raise
    if process.returncode:
        raise explain(list(said))


def _is_root() -> bool:
    return os.geteuid() == 0


def _prefix(recipe: Recipe) -> tuple[str, ...]:
    for tool, package in (("mmdebstrap", "mmdebstrap"), ("dpkg-deb", "dpkg"), ("depmod", "kmod")):
        if not shutil.which(tool):
            raise HostError(f"'{tool}', which builds the image, is missing.", f"apt-get install {package}")
    if not _is_root() and not shutil.which("newuidmap"):
        raise HostError("This user cannot build an image.", f"{_AS_ROOT} {_CARRY}.")
    if recipe.architecture not in (None, foreign.native()):
        return (*_ENDS_WITH_US, *_emulating(recipe.architecture), *_CONTAINED)
    return (*_ENDS_WITH_US, *_CONTAINED) if _is_root() else ("setpriv", "--pdeathsig", "TERM")


def _emulating(architecture: str) -> list[str]:
    """Return what lets the programs of a foreign root run while it is built."""
    for lack in foreign.lacking(architecture):
        raise HostError(f"An image for {architecture} cannot be built here: {lack.what} is missing.", lack.fix)
    return foreign.emulating(architecture)


def _options(recipe: Recipe, kernel: Path) -> list[str]:
    options = ["--format=tar", "--skip=output/dev", f"--variant={recipe.variant}"]
    options.append('--aptopt=APT::Sandbox::User "root"')  # else apt's folders belong to whom it could become
    options.append("--mode=root" if _is_root() else "--mode=unshare")
    options += [f"--architectures={recipe.architecture}", "--skip=check/qemu"] if recipe.architecture else []
    options += [f"--include={','.join(recipe.packages)}"] if recipe.packages else []
    options += [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.exclude]
    if recipe.mirror:  # a snapshot of the archive is past its date by nature
        options.append('--aptopt=Acquire::Check-Valid-Until "false"')
    hooks = []
    if kernels := recipe.kernels:
        hooks += [_FETCH_KERNEL.format(package=shlex.quote(package)) for package in kernels]
        hooks += [f"copy-out /vbench-kernel {shlex.quote(str(kernel))}", 'rm -r "$1/vbench-kernel"']
    if recipe.native:
        hooks += [f'mkdir -p "$1{INSIDE}"', f"copy-in {shlex.join(map(str, native_sources()))} {INSIDE}"]
    hooks += [f'chroot "$1" /bin/sh -c {shlex.quote(command)}' for command in recipe.run]
    return options + [f"--customize-hook={hook}" for hook in [*hooks, _FINISH]]


def explain(said: list[str]) -> VbenchError:
    """Return the error behind mmdebstrap's last lines: apt's own words, for mmdebstrap's come after them."""
    console = "\n".join(said)
    apt = next(
        (line[3:].rstrip(".") for line in said if line.startswith("E: ")), said[-1] if said else "it said nothing"
    )
    if "No space left on device" in console:
        remedy = "Free 3 GB, or set XDG_DATA_HOME to a folder that has them."
        return HostError("There is no space left for the image.", remedy, console=console)
    if "/etc/subuid" in console:
        return HostError("This user cannot build an image.", f"{_AS_ROOT} {_CARRY}.", console=console)
    if found := re.search(r"Unable to locate package (\S+)|Package '(\S+)' has no installation candidate", console):
        return InputError(f"The suite has no package '{found[1] or found[2]}'.", "Correct the recipe.", console=console)
    if re.search(r"Could not (connect|resolve)|Temporary failure resolving|Failed to fetch|Connection failed", console):
        remedy = f"Check the network and the recipe's mirror. {_CARRY}."
        return HostError(f"The mirror cannot be reached: {apt}.", remedy, console=console)
    return HostError(f"The image could not be built: {apt}.", f"See the lines above. {_CARRY}.", console=console)
