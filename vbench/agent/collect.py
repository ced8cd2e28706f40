"""Takes a snapshot of the machine this runs on: files as they are, registers, ioctl answers; nothing is interpreted.

Stdlib only, Python 3.8, imports late: start-up time counts inside an emulated guest.
"""

from __future__ import annotations

import os
import sys
import time

from . import collect_cpu, collect_files, collect_kvm, collect_system

SCHEMA = "vbench.snapshot/1"


def snapshot(options: dict[str, object]) -> dict[str, object]:
    """Return {"json": vbench-snapshot.json's object, "files": {path: text}, "binary": {path: base64}}.

    `options` switches parts off, all on by default: {"kvm": false, "cpuid": false, "io_uring": false, "log": false}.
    Errors never raise; they are recorded by errno name under json["errors"]. Files are bounded one by one
    (collect_files.WANTED) and together (collect_files.TOTAL).
    """
    began = time.monotonic()
    errors: dict[str, str] = {}
    taken = collect_files.live(errors)
    system = os.uname()
    json: dict[str, object] = {
        "schema": SCHEMA,
        "arch": system.machine,
        "kernel": system.release,
        "uid": os.geteuid(),
        "host": system.nodename,  # only so that `vbench probe --save` can mask it
        "stat": collect_system.nodes(errors),
        "env": collect_system.environment(),
        "limits": collect_system.limits(),
        "tracer": collect_system.tracer(),
        "links": taken["links"],
        "present": taken["present"],
    }
    if system.machine in ("x86_64", "i686", "i586") and options.get("cpuid", True):
        json["cpuid"] = collect_cpu.cpuid(errors)
        json["msr"] = collect_cpu.msrs(errors)
    if options.get("kvm", True):
        json["kvm"] = collect_kvm.kvm(system.machine)
    if options.get("io_uring", True):
        json["io_uring"] = collect_system.io_uring()
    if options.get("log", True):
        json["log"] = collect_system.kernel_log(errors)
    json["errors"] = errors
    json["python"] = sys.version.split()[0]
    json["seconds"] = round(time.monotonic() - began, 4)
    return {"json": json, "files": taken["files"], "binary": taken["binary"]}
