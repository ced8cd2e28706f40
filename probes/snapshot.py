"""A snapshot as the probes see it: a machine's files and registers, whatever their source, read without failing."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Self

REGISTERS = ("eax", "ebx", "ecx", "edx")
KINDS = 64  # CPUs whose listings are compared
NOT_ALLOWED = ("EACCES", "EPERM")
# Fields of /proc/cpuinfo that only one architecture has, the start of their value, and the architecture.
ARCHES = (
    ("vendor_id", "IBM/S390", "s390x"),
    ("flags", "", "x86_64"),
    ("CPU implementer", "", "aarch64"),
    ("timebase", "", "ppc64"),
    ("isa", "rv", "riscv64"),
    ("isa", "loongarch", "loongarch64"),
    ("isa", "mips", "mips"),
    ("arch", "IA-64", "ia64"),
    ("type", "sun4", "sparc64"),
    ("Features", "", "aarch64"),
)


@dataclass(frozen=True)
class Registers:
    """The answer of one CPUID leaf: four unsigned 32-bit registers."""

    eax: int
    ebx: int
    ecx: int
    edx: int

    def text(self, *names: str) -> str:
        """Return the ASCII text that the registers of these names hold, in this order.

        >>> Registers(0, 0x756E6547, 0x6C65746E, 0x49656E69).text("ebx", "edx", "ecx")
        'GenuineIntel'
        """
        data = b"".join(getattr(self, name).to_bytes(4, "little") for name in names)
        return data.decode("latin-1").rstrip("\0")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One machine at one moment: file contents by absolute path, link targets, what merely exists, and the json.

    Everything in it may come from a hostile guest: the accessors return None for what is absent, malformed or absurd.
    """

    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    json: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, collected: Mapping[str, Any]) -> Self:
        """Return the snapshot that the agent's `collect.snapshot` sent: {"json", "files", "binary"}."""
        json = _mapping(collected.get("json"))
        files = {
            path: text.encode("utf-8", "surrogateescape" if _lone(text) else "replace")
            for path, text in _mapping(collected.get("files")).items()
            if isinstance(text, str)
        }
        for path, encoded in _mapping(collected.get("binary")).items():
            try:
                files[path] = b64decode(encoded if isinstance(encoded, str) else "", validate=True)
            except (Base64Error, ValueError):
                continue
        links = {path: to for path, to in _mapping(json.get("links")).items() if isinstance(to, str)}
        present = frozenset(path for path in _sequence(json.get("present")) if isinstance(path, str))
        return cls(files, links, present, json)

    @cached_property
    def _children(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        refused = (path for path, name in self.errors.items() if name in NOT_ALLOWED)
        for path in (*self.files, *self.links, *self.present, *refused):
            while path not in ("", "/"):
                path, _, name = path.rstrip("/").rpartition("/")  # noqa: PLW2901 - the walk to the root
                if name in found.setdefault(path, set()):
                    break
                found[path].add(name)
        return found

    @cached_property
    def errors(self) -> dict[str, str]:
        """The errno names of what could not be read, by path or by the thing's name."""
        return {key: name for key, name in _mapping(self.json.get("errors")).items() if isinstance(name, str)}

    @property
    def arch(self) -> str | None:
        """The machine's name by uname, or what /proc/cpuinfo gives away, or None."""
        arch = self.json.get("arch")
        return arch if isinstance(arch, str) else self._arch_of_cpuinfo

    @cached_property
    def _arch_of_cpuinfo(self) -> str | None:
        keys = {key for group in self.cpuinfo for key in group}
        return next(
            (arch for key, stem, arch in ARCHES if key in keys and (self.cpu_field(key) or "").startswith(stem)), None
        )

    @property
    def x86(self) -> bool:
        """Whether this is a PC, of 32 or 64 bits."""
        return self.arch in ("x86_64", "amd64", "i686", "i586", "i486", "i386")

    @property
    def sysfs(self) -> bool:
        """Whether a kernel's own sysfs was recorded, so that what it lacks is lacking (gVisor's has no clocks)."""
        return bool(self.names("/sys/devices/system/clocksource/clocksource0") or self.names("/sys/bus/pci/devices"))

    def exists(self, path: str) -> bool:
        """Whether the snapshot holds this file or folder, or knows of it without its content."""
        if path in self.files or path in self.links or path in self.present or path in self._children:
            return True
        return self.errors.get(path) in NOT_ALLOWED

    def denied(self, path: str) -> bool:
        """Whether the collector was refused this path."""
        return path not in self.files and self.errors.get(path) in NOT_ALLOWED

    def text(self, path: str) -> str | None:
        """Return a file's text without surrounding blanks and NULs."""
        data = self.files.get(path)
        return None if data is None else data.decode("utf-8", "replace").strip(" \t\r\n\0")

    def lines(self, path: str) -> list[str]:
        """Return a file's lines, none where there is no file."""
        return (self.text(path) or "").splitlines()

    def number(self, path: str) -> int | None:
        """Return the whole number that a file holds; bounded, so that an absurd one is None."""
        return whole(self.text(path))

    def flag(self, path: str) -> bool | None:
        """Return what a module's switch says: Y, 1, N, 0."""
        return {"Y": True, "1": True, "N": False, "0": False}.get(self.text(path) or "")

    def names(self, folder: str) -> list[str]:
        """Return the names inside a folder, sorted."""
        return sorted(self._children.get(folder.rstrip("/"), ()))

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield the paths that match, step by step."""
        paths = [""]
        for step in pattern.strip("/").split("/"):
            if any(sign in step for sign in "*?["):
                paths = [f"{path}/{name}" for path in paths for name in self.names(path) if fnmatchcase(name, step)]
            else:
                paths = [f"{path}/{step}" for path in paths]
        yield from (path for path in paths if self.exists(path))

    @cached_property
    def cpuinfo(self) -> list[dict[str, str]]:
        """The groups of /proc/cpuinfo, each a mapping of trimmed keys to trimmed values."""
        groups: list[dict[str, str]] = [{}]
        for line in self.lines("/proc/cpuinfo"):
            key, colon, value = line.partition(":")
            if not line.strip():
                groups.append({})
            elif colon:
                groups[-1].setdefault(key.strip(), value.strip())
        return [group for group in groups if group]

    def cpu_field(self, *keys: str) -> str | None:
        """Return the first value of /proc/cpuinfo under one of these keys."""
        return next((group[key] for group in self.cpuinfo for key in keys if key in group), None)

    @cached_property
    def flags(self) -> frozenset[str] | None:
        """The CPU's flags by Linux: flags (x86), Features (ARM), features (s390, LoongArch); None without a list."""
        listed = self.cpu_field("flags", "Features", "features")
        return None if listed is None else frozenset(listed.split())

    @cached_property
    def _leaves(self) -> dict[tuple[int, int], Registers]:
        return leaves(self.json.get("cpuid"))

    @cached_property
    def kinds(self) -> int | None:
        """How many kinds of CPU there are: by CPUID 1.EAX and 1A.EAX, else by /proc/cpuinfo; None if unknown."""
        entries = [entry for entry in _sequence(self.json.get("cpuid")) if isinstance(entry, Mapping)]
        cpus = {whole(entry.get("cpu")) for entry in entries}
        listings = [
            leaves([entry for entry in entries if whole(entry.get("cpu")) == cpu]) for cpu in list(cpus)[:KINDS]
        ]
        none = Registers(0, 0, 0, 0)
        found: set[object] = {(one[1, 0].eax, one.get((0x1A, 0), none).eax) for one in listings if (1, 0) in one}
        if not found:
            fields = ("CPU implementer", "CPU part", "model name", "uarch")
            found = {tuple(group.get(name) for name in fields) for group in self.cpuinfo if "processor" in group}
        return len(found) or None

    def cpuid(self, leaf: int, sub: int = 0) -> Registers | None:
        """Return one CPUID leaf of the first CPU that was recorded."""
        return self._leaves.get((leaf, sub))

    @cached_property
    def _msrs(self) -> dict[int, int]:
        entries = [entry for entry in _sequence(self.json.get("msr")) if isinstance(entry, Mapping)]
        pairs = ((whole(entry.get("index")), whole(entry.get("value"))) for entry in reversed(entries))
        return {index: value for index, value in pairs if index is not None and value is not None}

    def msr(self, index: int) -> int | None:
        """Return a model-specific register of the first CPU that was recorded."""
        return self._msrs.get(index)

    def node(self, path: str) -> Mapping[str, Any] | None:
        """Return what stat said of a device node: type, major, minor, mode, readable, writable."""
        seen = _mapping(self.json.get("stat")).get(path)
        return seen if isinstance(seen, Mapping) else None

    def section(self, name: str) -> Mapping[str, Any]:
        """Return an object of the json, empty where there is none."""
        return _mapping(self.json.get(name))

    @cached_property
    def log(self) -> list[str]:
        """The kept lines of the kernel's log."""
        return [line for line in _sequence(self.json.get("log")) if isinstance(line, str)]

    @cached_property
    def cmdline(self) -> dict[str, str]:
        """The kernel's command line up to `--`: {"iommu": "pt", "quiet": ""}; the last of equals wins."""
        words = (self.text("/proc/cmdline") or "").split(" -- ")[0].split()
        return {name: value for name, _, value in (word.partition("=") for word in words)}


def leaves(entries: Any) -> dict[tuple[int, int], Registers]:
    """Return {(leaf, subleaf): registers} of a CPUID listing of PROBES.md; of several CPUs the first one counts."""
    found: dict[tuple[int, int], Registers] = {}
    for entry in _sequence(entries):
        if not isinstance(entry, Mapping):
            continue
        leaf, sub, *words = (whole(entry.get(key)) for key in ("leaf", "subleaf", *REGISTERS))
        if leaf is not None and all(word is not None and 0 <= word < 1 << 32 for word in words):
            found.setdefault((leaf, sub or 0), Registers(*(word or 0 for word in words)))
    return found


def whole(value: Any) -> int | None:
    """Return a whole number from a number or from decimal or 0x text of reasonable length, else None.

    >>> whole("0x3a"), whole(" 12 "), whole("1.5"), whole(True), whole("9" * 5000)
    (58, 12, None, None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 64:  # noqa: PLR2004 - no register is longer in any notation
        return None
    try:
        return int(value, 16 if value.strip().lower().startswith("0x") else 10)
    except ValueError:
        return None


def _lone(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _mapping(value: Any) -> Mapping[str, Any]:
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()
