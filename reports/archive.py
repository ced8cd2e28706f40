"""A run as one file to deposit with a paper: raw data, report, environment, image recipe and command lines.

run/ID/               the bundle, byte for byte
report/               what `vbench report` writes
environment.json      versions when it was run and when it was archived, and the host
image.json            the image's manifest with its recipe and every package, where the image is still here
commands.txt          the run's own command line, and that of every workload's job
manifest-sha256.txt   the SHA-256 of every file, as sha256sum(1) checks it
ro-crate-metadata.json
"""

import hashlib
import json
import shlex
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from vbench.errors import InputError, VbenchError
from vbench.image import find as find_image
from vbench.reports import crate, saved, verify, write
from vbench.reports.clean import printable
from vbench.reports.finding import finding
from vbench.reports.of_bundle import table_of
from vbench.store import definitions
from vbench.store.bundle import Bundle

MANIFEST = "manifest-sha256.txt"
MEMBERS, SIZE = 2_000_000, 64 * 2**30  # files, and bytes in all, that are unpacked at most
SUFFIXES = (".tar.gz", ".tgz")
_MAGIC = b"\x1f\x8b"


def archive(bundle: Bundle, file: Path, *, licence: str = "") -> Path:
    """Write the archive of a run; the same run and the same report give the same bytes but for the environment."""
    if not file.name.endswith(SUFFIXES):
        raise InputError(f"'{file}' is no name for an archive.", f"End it in {' or '.join(SUFFIXES)}.")
    with tempfile.TemporaryDirectory(prefix="vbench-archive-") as name:
        folder = Path(name)
        write.write(bundle, folder / "report", raw=f"../run/{bundle.ident}/raw/")
        for path, text in _own(bundle).items():
            (folder / path).write_text(text)
        files = {**_below(folder, ""), **_below(bundle.folder, f"run/{bundle.ident}/")}
        _describe(bundle, folder, files, licence)
        try:
            _pack(files, file, int(float(bundle.header.get("created") or 0)))
        except OSError as error:
            file.unlink(missing_ok=True)
            raise InputError(f"'{file}' cannot be written: {error.strerror}.", "Name another.") from None
    return file


def _own(bundle: Bundle) -> dict[str, str]:
    head = bundle.header
    here = sorted({f"{one.name}=={one.version}" for one in distributions()})
    environment = {"run": head.get("versions"), "host": head.get("host"), "archived with": here}
    texts = {"environment.json": json.dumps(environment, indent=1) + "\n", "commands.txt": "\n".join(_commands(bundle))}
    with suppress(VbenchError):  # the image may be gone; its digest is in run.json all the same
        image = find_image(str(head["digests"]["image"]))
        texts["image.json"] = image.manifest.model_dump_json(by_alias=True, indent=1) + "\n"
    return texts


def _commands(bundle: Bundle) -> Iterator[str]:
    plan, settings = bundle.header["plan"], bundle.header["settings"]
    words = ["vbench", "run", "--target", ",".join(plan["targets"]), "--profile", plan["profile"]["name"]]
    words += ["--seed", str(plan["seed"])]
    words += [word for name in plan["workloads"] for word in ("--workload", name)]
    yield shlex.join([*words, "--cpus", str(settings["cpus"]), "--memory", str(settings["memory"])])
    yield ""
    known = definitions.kept(bundle.folder)
    yield from (f"{name}: {shlex.join(known[name].job.argv)}" for name in plan["workloads"] if name in known)


def _below(folder: Path, prefix: str) -> dict[str, Path]:
    """Return the files of a folder by their paths in the archive."""
    return {f"{prefix}{path.relative_to(folder)}": path for path in sorted(folder.rglob("*")) if path.is_file()}


def _describe(bundle: Bundle, folder: Path, files: dict[str, Path], licence: str) -> None:
    """Add the metadata and, last, the manifest of everything."""
    says = " ".join(finding(table_of(bundle)))
    sizes = [(name, path.stat().st_size) for name, path in files.items()]
    day = f"{datetime.fromtimestamp(float(bundle.header.get('created') or 0), UTC):%Y-%m-%d}"
    metadata = crate.crate(f"vbench run {bundle.ident}", says, day, sizes, licence)
    files[crate.NAME] = folder / crate.NAME
    files[crate.NAME].write_text(json.dumps(metadata, indent=1) + "\n")
    lines = [f"{_sha256(path)}  {name}\n" for name, path in files.items()]
    files[MANIFEST] = folder / MANIFEST
    files[MANIFEST].write_text("".join(lines))


def _pack(files: dict[str, Path], file: Path, created: int) -> None:
    with tarfile.open(file, "w:gz", compresslevel=6) as tar:
        for name in sorted(files):
            info = tar.gettarinfo(files[name], name)
            info.uid, info.gid, info.uname, info.gname, info.mtime, info.mode = 0, 0, "", "", created, 0o644
            with files[name].open("rb") as stream:
                tar.addfile(info, stream)


def is_archive(file: Path) -> bool:
    """Return whether a file begins as an archive does."""
    with file.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def check(file: Path) -> saved.Report:
    """Return what is wrong with an archive: a file's bytes, a number of the run, or one of its report.

    Nothing of it is trusted: it is unpacked into a folder that goes away. InputError where it is none of ours.
    """
    with tempfile.TemporaryDirectory(prefix="vbench-archive-") as name:
        folder = Path(name)
        _unpack(file, folder)
        found = sorted((folder / "run").glob("*/run.json"))
        if len(found) != 1 or not (folder / MANIFEST).is_file():
            raise InputError(f"'{file}' is no archive of a run.", "Make one with `vbench report RUN --archive FILE`.")
        bundle = Bundle.open(found[0].parent)
        page = folder / "report" / write.PAGE
        shown = saved.check(page, lambda _name: bundle) if page.is_file() else None
        runs = shown.runs if shown else (verify.check(bundle),)
        findings = [*_altered(folder), *(shown.findings if shown else (f"report/{write.PAGE}: it is missing",))]
        return saved.Report(str(file), runs, tuple(map(printable, findings)), shown is not None and shown.literal)


def _unpack(file: Path, folder: Path) -> None:
    try:
        with tarfile.open(file, "r:gz") as tar:
            size = 0
            for number, member in enumerate(tar):
                size += member.size
                if number > MEMBERS or size > SIZE or not member.isreg():
                    raise InputError(f"'{file}' is no archive of a run.", "It holds more, or else, than one ever does.")
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise InputError(f"'{file}' cannot be unpacked: {error}.", "Fetch it again.") from None


def _altered(folder: Path) -> Iterator[str]:
    """Yield the files that are not as the manifest has them, that are missing, or that it does not name."""
    told = dict(line.split("  ", 1)[::-1] for line in (folder / MANIFEST).read_text().splitlines() if "  " in line)
    there = _below(folder, "")
    for name, digest in told.items():
        if name not in there:
            yield f"{name}: it is missing"
        elif _sha256(there[name]) != digest:
            yield f"{name}: its bytes are not those of the manifest"
    yield from (f"{name}: the manifest does not name it" for name in there if name not in told and name != MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
