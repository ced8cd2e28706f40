"""How podman is called: as root or as a plain user, always on a storage root of our own."""

import os
import pwd
import resource
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from vbench import paths
from vbench.errors import HostError
from vbench.ledger import MARK, made
from vbench.targets.engines.container import REPOSITORY, SYSTEMD, TAG
from vbench.targets.spawn import run

HYBRID = Path("/sys/fs/cgroup/unified")


@dataclass(frozen=True)
class Engine:
    """The words that come before `podman`, the user it runs as, where it keeps images and locks, and more options."""

    become: tuple[str, ...]
    uid: int
    storage: Path
    state: Path
    more: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The call of podman, apart from every other container on the machine."""
        words = [*self.become, "podman", "--root", str(self.storage), "--runroot", str(self.state)]
        words += ["--tmpdir", str(self.state / "tmp"), "--storage-driver", "overlay", *self.more]
        words += ["--events-backend", "file", "--runtime", str(runtime())]
        return words if SYSTEMD.exists() else [*words, "--cgroup-manager", "cgroupfs"]

    @property
    def pause(self) -> Path:
        """Where a rootless one writes the PID of the process that keeps its namespaces."""
        return self.state / "tmp" / "pause.pid"


def runtime() -> str | None:
    """Return the OCI runtime to use: crun refuses the hybrid of cgroup v1 and v2, runc does not."""
    names = ("runc",) if HYBRID.exists() else ("crun", "runc")
    return next((name for name in names if shutil.which(name)), None)


def root_engine() -> Engine:
    """Return root's podman."""
    return Engine((), 0, paths.data() / "podman", Path("/run/vbench-podman"))


def rootless_engine() -> Engine:
    """Return a plain user's podman, with its storage in that user's own data folder."""
    user = plain_user()
    if user is None:
        raise HostError("There is no plain user to run podman as.", "Set VBENCH_USER=NAME.")
    state = run_folder(user.pw_uid)
    become: tuple[str, ...] = ("env", "-C", "/", f"HOME={user.pw_dir}", f"XDG_RUNTIME_DIR={state}")
    if os.getuid() == 0:
        os.chown(state, user.pw_uid, user.pw_gid)
        become = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--", *become)
    return Engine(become, user.pw_uid, Path(user.pw_dir, ".local/share/vbench/podman"), state)


def over_fuse(engine: Engine) -> Engine:
    """Return the engine with fuse-overlayfs, on a storage root of its own that reads the first one's images.

    One storage root cannot serve both: podman writes into it that a program mounts its layers.
    """
    program = ("--storage-opt", f"overlay.mount_program={shutil.which('fuse-overlayfs')}")
    images = ("--storage-opt", f"overlay.imagestore={engine.storage}")
    storage = engine.storage.with_name(f"{engine.storage.name}-fuse")
    return replace(engine, storage=storage, state=engine.state / "fuse", more=(*program, *images))


def plain_user() -> pwd.struct_passwd | None:
    """Return the user that is rootless: ourselves, else the one behind sudo or the one named by VBENCH_USER."""
    name = os.environ.get("VBENCH_USER") or os.environ.get("SUDO_USER")
    try:
        user = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam(name or "")
    except KeyError:
        return None
    return user if user.pw_uid else None


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


def ulimits() -> list[str]:
    """Return limits within our own as options: without CAP_SYS_RESOURCE podman cannot raise them to its defaults."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if resource.RLIM_INFINITY in (files, processes):
        return []
    most = min(processes, int(Path("/proc/sys/kernel/pid_max").read_text()))  # podman itself goes down to this
    return [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={most}:{most}"]


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
