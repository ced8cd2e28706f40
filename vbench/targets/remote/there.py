"""TRAVELS to another machine: takes the workload image in, makes room for a target, and removes everything at its end.

Standard library only, Python 3.8. It goes over as one line that a fixed one-line program executes, so no shell over
there reads it. What follows on stdin is the agent's zip or a part of the image, and then the agent's own pipe. What it
refuses, it says in a line of stderr that begins with "vbench: ".
"""

from __future__ import annotations

import ctypes
import fcntl
import glob
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

GROUPS = "/sys/fs/cgroup"
LIMITS = (("memory", "memory.limit_in_bytes"), ("", "memory.max"))  # of control groups, version 1 and 2
PARTS = ("rootfs", "root.ext4", "rootfs.tar")  # of an image: its root as a folder, as a disk, and as engines take it
CHUNK = 2**20
GRACE = 5.0  # seconds that a target has to end by itself once the connection is gone
TRIES = 100
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
ROOTS = {"root": [], "user": ["--user", "--map-root-user"]}  # how one may mount, as options of unshare(1)
REMOVE = {"container": ["rm", "--force"], "bundle": ["delete", "--force"]}
SYSTEM = ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # no login shell sets the path for a command


def ask(image: str) -> None:
    """Say what is here: our CPUs, how one may mount, whether memory can be limited, and what there is of the image."""
    prepare()
    parts = [name for name in PARTS if os.path.exists(os.path.join(home(image), name))]
    can = {"mounts": mounts(), "limits": bool(memory_top())}
    say(dict(can, cpus=sorted(os.sched_getaffinity(0)), home=home(image), has=parts))


def receive(image: str, part: str, size: int, digest: str) -> None:
    """Take a part of the image in: whole and of the right digest, or not at all; the root comes as a tar."""
    prepare()
    there = home(image)
    os.makedirs(there, 0o700, exist_ok=True)
    partial = os.path.join(there, ".partial-%d" % os.getpid())
    lock = make(partial, ".partial-")
    try:
        path = os.path.join(partial, part)
        store(path, size, digest)
        if part == "rootfs":
            path = unpack(path)
            os.sync()
        try:
            os.rename(path, os.path.join(there, part))
        except OSError:
            if not os.path.exists(os.path.join(there, part)):  # else somebody else brought it meanwhile
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)
    say({})


def give(image: str, engine: str, reference: str) -> None:
    """Give the image to podman or docker under a name, unless they have it."""
    prepare()
    if not works([engine, "image", "inspect", reference]):
        with open(os.path.join(home(image), "rootfs.tar"), "rb") as tar:
            done = subprocess.run([engine, "import", "-", reference], stdin=tar, capture_output=True, check=False)
        if done.returncode:
            refuse("has a %s that does not import the image: %s" % (engine, last_line(done.stderr)))
    say({})


def serve(folder: str, size: int, digest: str, memory: int, argv: list[str]) -> None:
    """Run the agent, or what leads to it, in a new folder and below a memory limit (0: none) until the pipe closes."""
    prepare()
    make(folder, os.path.basename(folder).rpartition("-")[0] + "-")
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    try:
        store(os.path.join(folder, "agent.pyz"), size, digest)
        os.mkdir(os.path.join(folder, "data"))
        group = limited(os.path.basename(folder), memory) if memory else None
        child = subprocess.Popen(argv, start_new_session=True, preexec_fn=lambda: join(group))  # noqa: PLW1509 - one thread yet
        threading.Thread(target=watch, args=(child,), daemon=True).start()
        child.wait()
    finally:
        tidy(folder)


def prepare() -> None:
    """End in order when we are told to, say in one line what fails, and find the system's tools."""
    sys.excepthook = lambda _kind, error, _trace: complain("failed: %s: %s" % (type(error).__name__, error))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    os.environ["PATH"] = os.environ.get("PATH", "") + SYSTEM


def say(what: dict[str, object]) -> None:
    """Answer on the pipe."""
    os.write(1, json.dumps(dict(what, id=0, ok=True)).encode() + b"\n")


def refuse(why: str) -> None:
    """End with a sentence whose subject is this machine."""
    complain(why)
    sys.exit(2)


def complain(why: str) -> None:
    """Say why it does not go on, where the other side looks for it."""
    os.write(2, ("vbench: %s\n" % why).encode())


def last_line(said: bytes) -> str:
    """Return the last thing that a program said."""
    return said.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]


def home(image: str) -> str:
    """Return where an image is kept, by a path without links: runc takes none for a root."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.realpath(os.path.join(cache, "vbench", "images", image))


def mounts() -> str:
    """Return how one may mount here: as root, as a user in a namespace of one's own, or "" for not at all."""
    return next((how for how, words in ROOTS.items() if works(["unshare", *words, "--mount", "true"])), "")


def works(argv: list[str]) -> bool:
    """Return whether a command ends well."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def make(folder: str, prefix: str) -> int:
    """Make a folder that is ours while we live, and remove those of the dead beside it; return what holds its lock."""
    parent = os.path.dirname(folder)
    guard = os.open(parent, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(guard, fcntl.LOCK_EX)  # so that nobody takes our new folder for a dead one's
    for other in glob.glob(os.path.join(parent, prefix + "*")):
        if os.lstat(other).st_uid == os.getuid() and not lives(other):
            tidy(other)
    os.mkdir(folder, 0o711)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(guard)
    return lock


def lives(folder: str) -> bool:
    """Return whether somebody holds the lock of a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def store(path: str, size: int, digest: str) -> None:
    """Write the next `size` bytes of stdin to a file, holes as holes; refuse what is not of the digest (SHA-256)."""
    whole, left = hashlib.sha256(), size
    with open(path, "wb") as out:
        while left:
            data = os.read(0, min(left, CHUNK))
            if not data:
                refuse("was left while a file was on its way")
            whole.update(data)
            left -= len(data)
            if data.count(0) == len(data):
                out.seek(len(data), os.SEEK_CUR)
            else:
                out.write(data)
        out.truncate(size)
        out.flush()
        os.fsync(out.fileno())
    if whole.hexdigest() != digest:
        refuse("got other bytes than were sent")


def unpack(tar: str) -> str:
    """Unpack the root as vbench does at home; return the folder."""
    root = tar + ".unpacked"
    os.mkdir(root)
    options = ["--preserve-permissions", "--numeric-owner", "--delay-directory-restore"]
    argv = ["tar", "--extract", *options, "--directory", root, "--file", tar]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode:
        refuse("cannot unpack the image: %s" % last_line(done.stderr))
    return root


def memory_top() -> tuple[str, str] | None:
    """Return where memory groups may be made, and the name of the limit's file."""
    for controller, limit in LIMITS:
        top = os.path.join(GROUPS, controller)
        if os.access(top, os.W_OK) and (os.path.exists(os.path.join(top, limit)) if controller else delegates(top)):
            return top, limit
    return None


def delegates(top: str) -> bool:
    """Return whether groups of version 2 below `top` may limit memory."""
    try:
        with open(os.path.join(top, "cgroup.subtree_control")) as controllers:
            return "memory" in controllers.read().split()
    except OSError:
        return False


def limited(name: str, memory: int) -> str | None:
    """Return a new group with a limit in bytes."""
    found = memory_top()
    if found is None:
        return None
    group = os.path.join(found[0], name)
    os.mkdir(group)
    with open(os.path.join(group, found[1]), "w") as limit:
        limit.write(str(memory))
    return group


def join(group: str | None) -> None:
    """Put this process into a group."""
    if group:
        with open(os.path.join(group, "cgroup.procs"), "w") as procs:
            procs.write("0")


def watch(child: subprocess.Popen[bytes]) -> None:
    """Kill a target that does not notice that its connection is gone: QEMU does not."""
    poll = select.poll()
    poll.register(0, select.POLLHUP | select.POLLRDHUP)
    poll.poll()
    time.sleep(GRACE)
    if child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)


def tidy(folder: str) -> None:
    """Remove a folder with all that its target made on this machine."""
    names = [os.path.basename(folder)]
    for entry in held(folder):
        if entry["kind"] in REMOVE:
            works([*entry["engine"], *REMOVE[entry["kind"]], entry["name"]])
        elif entry["kind"] in ("cgroup", "cgroups"):
            names.append(os.path.basename(entry.get("path") or entry["name"]))
    for _ in range(TRIES):
        left = children()
        if not left:
            break
        for pid in left:
            end(pid)
    for name in names:
        for group in (*glob.glob(os.path.join(GROUPS, name)), *glob.glob(os.path.join(GROUPS, "*", name))):
            dissolve(group)
    shutil.rmtree(folder, ignore_errors=True)


def held(folder: str) -> list[dict[str, str]]:
    """Return what was recorded as made on this machine."""
    try:
        with open(os.path.join(folder, "held")) as lines:
            return [json.loads(line) for line in lines]
    except FileNotFoundError:
        return []


def children() -> list[int]:
    """Return our children: what a target leaves behind comes to us."""
    with open("/proc/self/task/%d/children" % os.getpid()) as source:
        return [int(word) for word in source.read().split()]


def end(pid: int) -> None:
    """Kill a child and wait for it."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def dissolve(group: str) -> None:
    """Remove a control group with those below it and all that lives in them."""
    for folder, _, _ in os.walk(group, topdown=False):
        for _ in range(TRIES):
            try:
                with open(os.path.join(folder, "cgroup.procs")) as procs:
                    for pid in procs.read().split():
                        os.kill(int(pid), signal.SIGKILL)
                os.rmdir(folder)
                break
            except FileNotFoundError:
                break
            except (OSError, ProcessLookupError):
                time.sleep(0.02)
