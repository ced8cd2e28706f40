"""Whole bundles on disk with samples of the test's choice."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.stats.samples import block, boots, session
from vbench.model import Failure, Sample
from vbench.store.bundle import Bundle, Recorder

NASTY = "=cmd|'x'!A1 \"<b>&\x1b[2J,;\n{a}\\ lab-7"
RATE = {"workload": "cpu.primes", "metric": "rate", "unit": "1/s", "better": "higher"}
LATENCY = {"workload": "disk.randread", "metric": "latency_p50", "unit": "s", "better": "lower"}
BANDWIDTH = {"workload": "memory.bandwidth", "metric": "bandwidth", "unit": "B/s", "better": "higher"}
DIED = Failure("target", "The guest's last words: '=1+1 </testsuite>'.")
HEADER: Mapping[str, Any] = {
    "created": 1795165909.25,
    "plan": {"profile": {"name": "quick"}, "seed": 7, "targets": []},
    "settings": {"cpus": 2, "memory": 2**29},
    "label": {},
    "left_out": {},
    "workloads": {"disk.randread": {"version": 1, "digest": "d", "tails": []}},
    "host": {"name": "lab", "kernel": "6.1.0", "arch": "x86_64"},
}


def bundle(folder: Path, samples: Iterable[Sample], **header: Any) -> Bundle:
    """Return a new bundle in `folder` with these samples."""
    made = Bundle.create({**HEADER, **header}, folder)
    with Recorder(made) as recorder:
        recorder.samples(samples)
        recorder.instance({"target": "kvm", "accelerator": "tcg", "warnings": [], "restored": False})
    return made


def everything() -> list[Sample]:
    """Return samples of regressed, no worse, inconclusive, failed, missing and one-boot cells, and a hostile name."""
    rates = {
        "bare": boots(4711, 4702, 4720, 4715),
        "bare2": boots(4708, 4711, 4709, 4713),
        "podman": boots(4709, 4699, 4721, 4710),
        "kvm": boots(879, 871, 884, 880),
        "kvm/kvm": boots(4400, 5100, 4000, 4900),
        NASTY: boots(3100, 3350, 2800, 3000),
    }
    latencies = {"bare": boots(0.0004, 0.00041), "bare2": boots(0.00041, 0.0004), "kvm": boots(0.0021, 0.002)}
    return [
        *session(rates, **RATE),
        *session(latencies, **LATENCY),
        *block("podman", 0, 0, [None], failure=DIED, **LATENCY),
        *session({"bare": boots(3e10), "kvm": boots(1e10)}, **BANDWIDTH),
    ]


def written(found: Bundle) -> Any:
    """Return the bundle's samples as they stand in its file."""
    return [json.loads(line) for line in (found.folder / "samples.jsonl").read_text().splitlines()]
