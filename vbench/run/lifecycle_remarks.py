"""What an instance's own document says against its figures; rows of the table of checks in vbench.run.sanity."""

from typing import TYPE_CHECKING, Any

from vbench.workloads.outputs import documents

if TYPE_CHECKING:
    from vbench.run.sanity import Job

FETCHED = 2**20  # bytes from a disk, from which on a start was not from cache, and below which it was not cold


def not_cold(job: "Job") -> bool:
    """Return whether nothing shows that a start which was to be cold came from a disk."""
    return _asked(job) == "cold" and (_document(job).get("read") or 0) < FETCHED


def not_cached(job: "Job") -> bool:
    """Return whether a start which was to be from memory came from a disk, in part."""
    return _asked(job) in {"cached", "restored"} and (_document(job).get("read") or 0) >= FETCHED


def not_restored(job: "Job") -> bool:
    """Return whether a start which was to be from a memory snapshot was an ordinary one."""
    return _asked(job) == "restored" and _document(job).get("restored") is not True


def capped(job: "Job") -> bool:
    """Return whether more instances would have held the service level, had the workload asked for more."""
    found = _document(job)
    return "most" in found and found.get("instances") == found["most"]


def _asked(job: "Job") -> str | None:
    opening = job.workload.instance
    return opening.state if opening and not opening.density and job.outcome.ok else None


def _document(job: "Job") -> dict[str, Any]:
    found = next(documents(job.outcome.stdout), None) if job.workload.instance else None
    return found if isinstance(found, dict) else {}
