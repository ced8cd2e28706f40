"""What an archive says of itself for repositories of research data: RO-Crate 1.1.

Source: Sefton et al., "RO-Crate Metadata Specification 1.1.3", doi:10.5281/zenodo.7867028.
"""

from collections.abc import Iterable, Mapping
from mimetypes import guess_type
from typing import Any

from vbench import __version__

NAME = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
UNSTATED = "No licence was stated when this archive was made; ask whoever deposited it."


def crate(title: str, says: str, published: str, files: Iterable[tuple[str, int]], licence: str = "") -> dict[str, Any]:
    """Return the metadata of an archive: a root with its name, day of publication, licence (a URL) and files.

    `files` are paths in the archive with their sizes in bytes.
    """
    parts = [_file(path, size) for path, size in files]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": title,
        "description": says,
        "datePublished": published,
        "license": {"@id": licence or "#licence"},
        "hasPart": [{"@id": part["@id"]} for part in parts],
    }
    about = {"@id": NAME, "@type": "CreativeWork", "about": {"@id": "./"}}
    about["conformsTo"] = {"@id": "https://w3id.org/ro/crate/1.1"}
    return {"@context": CONTEXT, "@graph": [about, root, _licence(licence), *_action(), *parts]}


def _licence(licence: str) -> Mapping[str, str]:
    named = {"name": licence} if licence else {"name": "not stated", "description": UNSTATED}
    return {"@id": licence or "#licence", "@type": "CreativeWork", **named}


def _action() -> list[dict[str, Any]]:
    """Return what made the data."""
    tool = {"@id": "#vbench", "@type": "SoftwareApplication", "name": "vbench", "version": __version__}
    made = {"@id": "#run", "@type": "CreateAction", "name": "vbench run"}
    return [tool, {**made, "instrument": {"@id": "#vbench"}, "result": {"@id": "./"}}]


def _file(path: str, size: int) -> dict[str, Any]:
    kind = guess_type(path)[0] or "application/octet-stream"
    return {"@id": path, "@type": "File", "contentSize": str(size), "encodingFormat": kind}
