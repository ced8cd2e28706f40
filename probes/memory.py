"""Memory: how much, in which pages, on which nodes, and what moves it behind a job's back."""

from collections.abc import Mapping

from vbench.probes.processor import cpu_list
from vbench.probes.question import UNKNOWN, Answer, Ask, Question, number_of, refused, yes
from vbench.probes.snapshot import Snapshot, whole

MM = "/sys/kernel/mm"
NODE = "/sys/devices/system/node"
KIB = 1024


def selected(text: str | None) -> str | None:
    """Return the word in brackets of a kernel's choice.

    >>> selected("always [madvise] never"), selected("none")
    ('madvise', 'none')
    """
    if text is None:
        return None
    return text.partition("[")[2].partition("]")[0] or text


def _meminfo(name: str) -> Ask:
    def ask(snapshot: Snapshot) -> Answer:
        source = f"/proc/meminfo {name}"
        for line in snapshot.lines("/proc/meminfo"):
            key, _, rest = line.partition(":")
            words = rest.split()
            number = whole(words[0]) if key == name and words else None
            if number is not None:
                return Answer(number * (KIB if words[-1] == "kB" else 1), source)
        return Answer(refused(snapshot, "/proc/meminfo"), source)

    return ask


def _huge_pages(snapshot: Snapshot) -> Mapping[str, Answer]:
    found = {}
    for path in snapshot.glob(f"{MM}/hugepages/hugepages-*kB"):
        size = path.rpartition("-")[2]
        for kind in ("nr", "free"):
            number = snapshot.number(f"{path}/{kind}_hugepages")
            if number is not None:
                found[f"{size}.{'total' if kind == 'nr' else kind}"] = Answer(number, f"{path}/{kind}_hugepages")
    for path in snapshot.glob(f"{NODE}/node*/hugepages/hugepages-*kB"):
        node, size = path.split("/")[5], path.rpartition("-")[2]
        number = snapshot.number(f"{path}/nr_hugepages")
        if number is not None:
            found[f"{size}.{node}"] = Answer(number, f"{path}/nr_hugepages")
    return found


def _choice(path: str, fix: Mapping[str, str] | None = None) -> Ask:
    def ask(snapshot: Snapshot) -> Answer:
        value = selected(snapshot.text(path))
        return Answer(value or refused(snapshot, path), path, fix=(fix or {}).get(value or ""))

    return ask


def _ksm(snapshot: Snapshot) -> Answer:
    running = snapshot.number(f"{MM}/ksm/run")
    if running is None:
        return Answer("no" if snapshot.exists(MM) and not snapshot.exists(f"{MM}/ksm") else UNKNOWN, f"{MM}/ksm/run")
    fix = f"echo 2 > {MM}/ksm/run stops it and splits what was merged" if running == 1 else None
    return Answer(yes(running == 1), f"{MM}/ksm/run", "kernel-enabled", fix)


def _nodes(snapshot: Snapshot) -> Answer:
    count = cpu_list(snapshot.text(f"{NODE}/online"))
    if count is None:
        folders = [name for name in snapshot.names(NODE) if name[:4] == "node" and name[4:].isdecimal()]
        return Answer(len(folders) or UNKNOWN, f"{NODE}/node*")
    return Answer(count, f"{NODE}/online")


def _balancing(snapshot: Snapshot) -> Answer:
    path = "/proc/sys/kernel/numa_balancing"
    level = snapshot.number(path)
    if level is None:
        missing = bool(snapshot.names("/proc/sys/kernel")) and not snapshot.denied(path)
        return Answer("no" if missing else refused(snapshot, path), f"{path} (not in this kernel)" if missing else path)
    fix = f"echo 0 > {path}, and pin jobs and their memory with numactl" if level else None
    return Answer(yes(level > 0), path, "kernel-enabled", fix)


def _swap(snapshot: Snapshot) -> Answer:
    used = sum(whole(words[3]) or 0 for line in snapshot.lines("/proc/swaps")[1:] if len(words := line.split()) > 3)  # noqa: PLR2004
    known = snapshot.files.get("/proc/swaps") is not None
    return Answer(used * KIB if known else UNKNOWN, "/proc/swaps", fix="swapoff -a" if used else None)


RECLAIM, OVERCOMMIT = "/proc/sys/vm/zone_reclaim_mode", "/proc/sys/vm/overcommit_memory"
QUESTIONS = (
    Question("memory.total", "memory that the kernel manages", ("/proc/meminfo MemTotal",), _meminfo("MemTotal"), "B"),
    Question(
        "memory.available",
        "memory that jobs can have now",
        ("/proc/meminfo MemAvailable",),
        _meminfo("MemAvailable"),
        "B",
    ),
    Question("memory.swap_total", "swap space", ("/proc/meminfo SwapTotal",), _meminfo("SwapTotal"), "B"),
    Question("memory.swap_used", "swap in use", ("/proc/swaps",), _swap, "B"),
    Question(
        "memory.huge_page_size",
        "size of a default huge page",
        ("/proc/meminfo Hugepagesize",),
        _meminfo("Hugepagesize"),
        "B",
    ),
    Question(
        "memory.huge_pages.*",
        "huge pages by size and node",
        (f"{MM}/hugepages/*", f"{NODE}/node*/hugepages/*"),
        _huge_pages,
        "1",
    ),
    Question(
        "memory.thp",
        "when the kernel gives huge pages unasked",
        (f"{MM}/transparent_hugepage/enabled",),
        _choice(f"{MM}/transparent_hugepage/enabled"),
    ),
    Question(
        "memory.thp_defrag",
        "whether a job waits while the kernel makes huge pages",
        (f"{MM}/transparent_hugepage/defrag",),
        _choice(f"{MM}/transparent_hugepage/defrag", {"always": f"echo madvise > {MM}/transparent_hugepage/defrag"}),
    ),
    Question("memory.ksm", "whether equal pages are merged", (f"{MM}/ksm/run",), _ksm),
    Question("memory.numa_nodes", "NUMA nodes", (f"{NODE}/online",), _nodes, "1"),
    Question(
        "memory.numa_balancing",
        "whether pages follow their users between nodes",
        ("/proc/sys/kernel/numa_balancing",),
        _balancing,
    ),
    Question(
        "memory.zone_reclaim", "whether a full node gives up its caches first", (RECLAIM,), number_of(RECLAIM), "1"
    ),
    Question("memory.overcommit", "0 guessed, 1 always, 2 never", (OVERCOMMIT,), number_of(OVERCOMMIT), "1"),
    Question(
        "memory.swappiness",
        "how readily the kernel swaps",
        ("/proc/sys/vm/swappiness",),
        number_of("/proc/sys/vm/swappiness"),
        "1",
    ),
)
