"""What this process is kept from: control groups and their limits, namespaces, capabilities, seccomp, rlimits."""

from collections.abc import Mapping

from vbench.probes.question import UNKNOWN, Answer, Question, of_file, refused, switch, yes
from vbench.probes.snapshot import Snapshot, whole

# The numbers of the first namespaces: include/linux/proc_ns.h (PROC_*_INIT_INO). Those of mnt and net vary.
FIRST = {
    "ipc": 0xEFFFFFFF,
    "uts": 0xEFFFFFFE,
    "user": 0xEFFFFFFD,
    "pid": 0xEFFFFFFC,
    "cgroup": 0xEFFFFFFB,
    "time": 0xEFFFFFFA,
}
ALL_CAPABILITIES = 2**38 - 1  # every kernel since 3.16 has these


def status(snapshot: Snapshot, name: str) -> str | None:
    """Return a field of /proc/self/status."""
    for line in snapshot.lines("/proc/self/status"):
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    return None


def namespace(snapshot: Snapshot, kind: str) -> bool | None:
    """Return whether this process is in the machine's first namespace of a kind, None where that cannot be told."""
    number = namespace_number(snapshot, kind)
    return None if number is None or kind not in FIRST else number == FIRST[kind]


def namespace_number(snapshot: Snapshot, kind: str) -> int | None:
    """Return the number of a namespace of this process, as /proc/self/ns writes it: `mnt:[4026531841]`."""
    return whole(snapshot.links.get(f"/proc/self/ns/{kind}", "").partition("[")[2].rstrip("]"))


def _namespaces(snapshot: Snapshot) -> Mapping[str, Answer]:
    names = {True: "first", False: "own", None: UNKNOWN}
    return {kind: Answer(names[namespace(snapshot, kind)], f"/proc/self/ns/{kind}") for kind in FIRST}


def _user_map(snapshot: Snapshot) -> Answer:
    words = (snapshot.text("/proc/self/uid_map") or "").split()
    if not words:
        return Answer(refused(snapshot, "/proc/self/uid_map"), "/proc/self/uid_map")
    whole_range = words[:3] == ["0", "0", "4294967295"]
    return Answer(yes(not whole_range), "/proc/self/uid_map")


def _unprivileged_users(snapshot: Snapshot) -> Answer:
    restrict = snapshot.flag("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    allowed = snapshot.flag("/proc/sys/kernel/unprivileged_userns_clone")
    most = snapshot.number("/proc/sys/user/max_user_namespaces")
    if allowed is False:
        return Answer(
            "no", "/proc/sys/kernel/unprivileged_userns_clone", "permitted", "sysctl kernel.unprivileged_userns_clone=1"
        )
    if restrict:
        source = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
        return Answer("no", source, "permitted", "sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    if most is not None:
        fix = None if most else "sysctl user.max_user_namespaces=10000"
        return Answer(yes(most > 0), "/proc/sys/user/max_user_namespaces", "kernel-enabled", fix)
    return Answer(UNKNOWN, "/proc/sys/user/max_user_namespaces")


def _seccomp(snapshot: Snapshot) -> Answer:
    mode = {"0": "off", "1": "strict", "2": "filter"}.get(status(snapshot, "Seccomp") or "")
    return Answer(mode or refused(snapshot, "/proc/self/status"), "/proc/self/status Seccomp")


def _capabilities(snapshot: Snapshot) -> Answer:
    text = status(snapshot, "CapEff")
    held = whole(f"0x{text}") if text else None
    if held is None:
        return Answer(refused(snapshot, "/proc/self/status"), "/proc/self/status CapEff")
    value = "all" if held & ALL_CAPABILITIES == ALL_CAPABILITIES else "none" if not held else f"{held:x}"
    return Answer(value, "/proc/self/status CapEff")


def _limits(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for name, pair in snapshot.section("limits").items():
        if isinstance(pair, list) and pair and isinstance(pair[0], int) and name.isidentifier():
            unit = "B" if name in ("memlock", "core", "stack", "as") else "s" if name == "cpu" else "1"
            found[name] = Answer("none" if pair[0] < 0 else pair[0], "getrlimit (soft)", "permitted", unit=unit)
    return found


def _user(snapshot: Snapshot) -> Answer:
    uid = snapshot.json.get("uid")
    if not isinstance(uid, int):
        words = (status(snapshot, "Uid") or "").split()
        uid = whole(words[1]) if len(words) > 1 else None
    return Answer(UNKNOWN if uid is None else uid, "geteuid")


QUESTIONS = (
    Question("isolation.uid", "the user's number", ("geteuid", "/proc/self/status"), _user, "1"),
    Question(
        "isolation.capabilities", "all, none, or the effective set in hex", ("/proc/self/status CapEff",), _capabilities
    ),
    Question("isolation.seccomp", "whether system calls are filtered", ("/proc/self/status Seccomp",), _seccomp),
    Question("isolation.user_mapped", "whether user numbers are translated", ("/proc/self/uid_map",), _user_map),
    Question("isolation.namespace.*", "first (the machine's) or own", ("/proc/self/ns/*",), _namespaces),
    Question(
        "isolation.user_namespaces",
        "whether a plain user may make containers",
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "/proc/sys/user/max_user_namespaces",
        ),
        _unprivileged_users,
    ),
    Question(
        "isolation.profile",
        "the security module's profile of this process",
        ("/proc/self/attr/current",),
        of_file("/proc/self/attr/current"),
    ),
    Question(
        "isolation.selinux", "whether SELinux enforces", ("/sys/fs/selinux/enforce",), switch("/sys/fs/selinux/enforce")
    ),
    Question("isolation.limit.*", "resource limits", ("getrlimit",), _limits, "1"),
)
