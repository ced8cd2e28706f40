"""Runs larger than anybody waits for here: samples drawn, sealed like any other run's, raw outputs left out."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import numpy as np

from tests.reports.runs import make
from vbench.model import Sample
from vbench.reports.finish import finish
from vbench.store.bundle import Bundle

METRICS = (("iops", "1/s", "higher"), ("latency_p50", "s", "lower"), ("latency_p99", "s", "lower"))
TARGETS = ["bare", "bare2", "chroot", "podman", "docker", "runc", "lxc", "nspawn", "kvm", "kvm/kvm"]
BOOTS, BLOCKS = 20, 2
EXAMPLE = Sample("w", "m", "s", "lower", "t", "i", 0, 0, 0, 1.0)


def size(workloads: Sequence[str], iterations: int) -> int:
    """Return how many samples such a run has."""
    return len(workloads) * len(METRICS) * len(TARGETS) * BOOTS * BLOCKS * iterations


def big_run(number: int, workloads: Sequence[str], iterations: int) -> Bundle:
    """Return a sealed bundle whose samples lie about 2 % apart."""
    about = {"version": 1, "digest": "0" * 64, "tails": []}
    bundle = make(f"run-{number:03d}", header={"workloads": dict.fromkeys(workloads, about)}, boots=1, done=False)
    (bundle.folder / "run.json").write_text(
        json.dumps({**bundle.header, "plan": {**bundle.header["plan"], "targets": TARGETS}})
    )
    values = np.random.default_rng(number).lognormal(5, 0.02, size(workloads, iterations))
    places = product(workloads, range(BOOTS), range(BLOCKS), TARGETS, range(iterations), METRICS)
    with (bundle.folder / "samples.jsonl").open("w") as file:
        for value, (workload, boot, block, target, iteration, metric) in zip(values, places, strict=True):
            name, unit, better = metric
            instance, raw = f"{target}-{boot:08x}", f"raw/{boot:06d}-{iteration}.json"
            line = asdict_line(workload, name, unit, better, target, instance, boot, block, iteration, value, raw)
            file.write(line)
    bundle = Bundle.open(bundle.folder)
    finish(bundle)
    return bundle


def asdict_line(*fields: object) -> str:
    """Return a sample's line as the recorder writes it."""
    *before, value, raw = fields
    known = dict(zip(asdict(EXAMPLE), before, strict=False)) | {"value": float(str(value)), "raw": raw}
    return json.dumps(asdict(EXAMPLE) | known) + "\n"
