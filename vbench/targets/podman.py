"""A podman container of the workload image, in a storage root of our own, as root or rootless.

conmon stays out of the data path (--log-driver passthrough): the pipe is the container's own stdin and stdout.
"""

import os
import pwd
import resource
import shutil
import stat
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vbench import paths
from vbench.errors import HostError, InputError, JobError
from vbench.ledger import MARK, made, new_name
from vbench.model import Missing
from vbench.targets import pyz
from vbench.targets.confine import controllers_delegated
from vbench.targets.hop import Entry
from vbench.targets.network import add_container_namespace
from vbench.targets.options import one_of, option
from vbench.targets.pipe import Pipe
from vbench.targets.place import PYTHON, Place, Settings, inner_place
from vbench.targets.spawn import run

REPOSITORY = "localhost/vbench"
TAG = 24  # characters of an image's digest that name it here
SYSTEMD = Path("/run/systemd/system")
HYBRID = Path("/sys/fs/cgroup/unified")
TUN = Path("/dev/net/tun")
RUNTIMES = ("crun", "runc")


@dataclass(frozen=True)
class Engine:
    """How podman is called: the words before its command, the user it runs as, and where it keeps its storage."""

    words: list[str]
    uid: int
    pause: Path | None = None  # where a rootless one writes the PID of the process that keeps its namespaces


def _runtime(text: str) -> str:
    if shutil.which(one_of("runtime", RUNTIMES)(text)) is None:
        raise InputError(f"There is no '{text}' on this machine.", f"apt-get install {text}")
    return text


@dataclass(frozen=True)
class Podman:
    """The hops `podman` (root's engine) and `podman-rootless` (a plain user's)."""

    takes_devices: ClassVar[bool] = False
    rootless: bool = False
    runtime: str = option("", _runtime, "the OCI runtime, crun or runc")

    @property
    def name(self) -> str:
        """The engine with its user."""
        return "podman-rootless" if self.rootless else "podman"

    def missing(self, outer: tuple[str, ...]) -> list[Missing]:
        """Podman, a runtime that takes this cgroup layout, and the right user."""
        if outer:
            return [Missing("podman in the workload image", "build one from a recipe with podman in its packages")]
        if shutil.which("podman") is None:
            return [Missing("podman", "apt-get install podman")]
        if runtime() is None:
            return [Missing("an OCI runtime for this cgroup layout", "apt-get install runc")]
        return self._missing_rootless() if self.rootless else self._missing_root()

    def _missing_root(self) -> list[Missing]:
        return [Missing("root", "run vbench as root, or choose podman-rootless")] if os.getuid() else []

    def _missing_rootless(self) -> list[Missing]:
        user = plain_user()
        if user is None:
            return [Missing("a plain user to be rootless as", "run vbench through sudo, or set VBENCH_USER=NAME")]
        if shutil.which("newuidmap") is None:
            return [Missing("newuidmap", "apt-get install uidmap")]
        if not any(line.startswith(f"{user.pw_name}:") for line in Path("/etc/subuid").read_text().splitlines()):
            name = user.pw_name
            fix = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
            return [Missing(f"subordinate ids of the user '{name}'", fix)]
        return []

    def enter(self, place: Place, settings: Settings, stack: ExitStack) -> Entry:
        """Import the image on first use, make the network, and run the container."""
        engine = rootless_engine() if self.rootless else root_engine()
        if engine.pause:
            stack.enter_context(place.hold("pause", path=str(engine.pause), uid=engine.uid))
        reference = import_image(place, engine)
        name = new_name()
        parent = self._cgroups(place, name, stack)
        stack.enter_context(place.hold("container", engine=engine.words, name=name))
        # Without --rm, which would mount the overlay so that fsync(2) does nothing; the ledger removes the container.
        words = ["run", "--interactive", "--name", name, "--pull=never", "--log-driver=passthrough"]
        files = [f"--volume={place.agent}:{pyz.AGENT}:ro", "--tmpfs=/tmp:mode=1777"]
        network = self._network(place, stack)
        options = [network, *parent, *self._limits(place, settings), *ulimits(), *files]
        chosen = ["--runtime", self.runtime] if self.runtime else []
        argv = [*place.tools(), *engine.words, *chosen, *words, *options, reference, *PYTHON, pyz.AGENT]

        def inside(pipe: Pipe) -> Place:
            labels = (*place.labels, *(["rootless"] if self.rootless else []))
            return inner_place(
                place,
                pipe,
                data="/data",
                disk_path=f"overlay on {place.disk_path}",
                network_path=f"{'veth' if ':' in network else network.partition('=')[2]} on {place.network_path}",
                labels=labels,
                warnings=place.warnings,
            )

        return Entry(argv, inside, image=lambda: layer(engine, reference))

    def _cgroups(self, place: Place, name: str, stack: ExitStack) -> list[str]:
        """Return the option that puts the container's groups below one of ours, where no systemd looks after them."""
        if self.rootless or SYSTEMD.exists():
            return []
        stack.enter_context(place.hold("cgroups", name=name))
        return [f"--cgroup-parent=/{name}"]

    def _network(self, place: Place, stack: ExitStack) -> str:
        if not place.address:
            return "--network=none"
        if not self.rootless:
            return f"--network=ns:{add_container_namespace(place, stack)}"
        if stat.S_IMODE(TUN.stat().st_mode) & 0o006 == 0o006:  # noqa: PLR2004 - readable and writable by all
            return "--network=slirp4netns"
        place.warnings.append("rootless network is the host's own stack: the user may not open /dev/net/tun")
        return "--network=host"

    def _limits(self, place: Place, settings: Settings) -> list[str]:
        if self.rootless and not controllers_delegated():
            place.warnings.append("the memory limit is not applied: no memory cgroup is delegated to the user")
            return []
        return [f"--cpuset-cpus={','.join(map(str, place.cpus))}", f"--memory={settings.memory}"]


def plain_user() -> pwd.struct_passwd | None:
    """Return the user that is rootless: ourselves, else the one behind sudo or the one named by VBENCH_USER."""
    name = os.environ.get("VBENCH_USER") or os.environ.get("SUDO_USER")
    try:
        user = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam(name or "")
    except KeyError:
        return None
    return user if user.pw_uid else None


def runtime() -> str | None:
    """Return the OCI runtime to use: crun refuses the hybrid of cgroup v1 and v2, runc does not."""
    names = ("runc",) if HYBRID.exists() else ("crun", "runc")
    return next((name for name in names if shutil.which(name)), None)


def root_engine() -> Engine:
    """Return root's podman on our own storage root."""
    return Engine(["podman", *options(paths.data() / "podman", Path("/run/vbench-podman"))], 0)


def rootless_engine() -> Engine:
    """Return a plain user's podman on a storage root in that user's own data folder."""
    user = plain_user()
    if user is None:
        raise HostError("There is no plain user to run podman as.", "Set VBENCH_USER=NAME.")
    become = []
    run_root = run_folder(user.pw_uid)
    if os.getuid() == 0:
        os.chown(run_root, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--"]
    become += ["env", "-C", "/", f"HOME={user.pw_dir}", f"XDG_RUNTIME_DIR={run_root}"]
    storage = Path(user.pw_dir, ".local/share/vbench/podman")
    return Engine([*become, "podman", *options(storage, run_root)], user.pw_uid, run_root / "tmp" / "pause.pid")


def run_folder(uid: int) -> Path:
    """Return a folder for a rootless podman's locks and sockets; a user who never logged in has none from the login."""
    login = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    parent = Path("/run") if os.getuid() == 0 else login if os.access(login, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"{MARK}podman-{uid}"
    with made(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid not in (uid, os.getuid()):
        raise HostError(f"'{folder}' belongs to somebody else.", "Set XDG_RUNTIME_DIR to a folder of your own.")
    return folder


def options(storage: Path, run_root: Path) -> list[str]:
    """Return podman's global options for a storage root of ours, apart from every other container on the machine."""
    words = ["--root", str(storage), "--runroot", str(run_root), "--tmpdir", str(run_root / "tmp")]
    words += ["--storage-driver", "overlay", "--events-backend", "file", "--runtime", str(runtime())]
    return words if SYSTEMD.exists() else [*words, "--cgroup-manager", "cgroupfs"]


def ulimits() -> list[str]:
    """Return limits within our own as options: without CAP_SYS_RESOURCE podman cannot raise them to its defaults."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if resource.RLIM_INFINITY in (files, processes):
        return []
    most = min(processes, int(Path("/proc/sys/kernel/pid_max").read_text()))  # podman itself goes down to this
    return [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={most}:{most}"]


def import_image(place: Place, engine: Engine) -> str:
    """Return the reference of the workload image in the storage root, importing its tar the first time."""
    image = Path(place.rootfs).parent
    reference = f"{REPOSITORY}:{image.name[:TAG]}"
    try:
        place.run([*engine.words, "image", "exists", reference])
    except (HostError, JobError):
        script = 'tar=$1; shift; exec "$@" <"$tar"'
        place.shell(script, str(image / "rootfs.tar"), *engine.words, "import", "--quiet", "-", reference)
        forget_removed(engine)
    return reference


def layer(engine: Engine, reference: str) -> tuple[str, ...]:
    """Return the folder that holds an imported image, which has one layer."""
    form = "{{.GraphDriver.Data.UpperDir}}"
    return (run([*engine.words, "image", "inspect", "--format", form, reference]).decode().strip(),)


def forget_removed(engine: Engine | None = None) -> None:
    """Drop what was imported of images that are no longer there: each takes half a gigabyte."""
    if engine is None:
        if os.getuid() or not shutil.which("podman") or not (paths.data() / "podman").exists():
            return
        engine = root_engine()
    kept = {path.name[:TAG] for path in paths.images().glob("*")}
    tags = run([*engine.words, "images", "--format", "{{.Tag}}", REPOSITORY]).decode().split()
    for tag in sorted(set(tags) - kept):
        run([*engine.words, "rmi", f"{REPOSITORY}:{tag}"])
