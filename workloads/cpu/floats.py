"""Floating-point operations per second of numpy's BLAS: a product of matrices (dgemm), a system of equations (LINPACK).

Run as `floats.py SECONDS THREADS baseline|native`. By `baseline` OpenBLAS takes kernels for an old processor that
any target can stand for: the same instructions everywhere. By `native` it takes the best for the flags that it
sees. The output says which were taken. Operations are counted as LINPACK does: 2 n^3, and 2/3 n^3 + 2 n^2.
"""

import ctypes
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

BASELINE = {"x86_64": "Nehalem", "aarch64": "ARMV8"}  # in OpenBLAS's words: up to SSE4.2, and NEON
ORDER = 384  # of the matrices; three of them are 3.4 MiB
RESIDUAL = 16.0  # the LINPACK benchmark accepts nothing above


def rate(operation: Callable[[], Any], operations: float, seconds: float) -> float:
    """Return the operations per second over at least one call."""
    calls = 0
    start = now = time.perf_counter()
    while calls == 0 or now < start + seconds:
        operation()
        calls += 1
        now = time.perf_counter()
    return calls * operations / (now - start)


def check(numpy: ModuleType, a: Any, b: Any) -> None:
    """End with an error where a product or a solution is wrong; on the way the threads start and the code is read."""
    ones = numpy.ones(ORDER)
    if not numpy.allclose(a @ b @ ones, a @ (b @ ones)):
        sys.exit("the product of the matrices is wrong")
    x = numpy.linalg.solve(a, ones)
    norm = numpy.abs(a).sum(axis=1).max() * numpy.abs(x).max() + 1
    residual = numpy.abs(a @ x - ones).max() / (numpy.finfo(float).eps * norm * ORDER)
    if not residual < RESIDUAL:
        sys.exit(f"the solution of the equations is wrong: its scaled residual is {residual}")


def openblas() -> ctypes.CDLL:
    """Return the OpenBLAS that numpy has loaded; another library would disregard the threads and the core."""
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "blas" in line}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            return library
    sys.exit("numpy uses another library than OpenBLAS here: install libopenblas0-pthread")


def main(seconds: str, threads: str, kernels: str) -> None:
    """Print both rates and what they were made with."""
    wanted = BASELINE[platform.machine()] if kernels == "baseline" else ""
    os.environ |= {"OPENBLAS_NUM_THREADS": threads, "OPENBLAS_CORETYPE": wanted}
    import numpy as np  # noqa: PLC0415 - OpenBLAS reads the environment when it is loaded

    library = openblas()
    core = library.openblas_get_corename().decode()
    if wanted not in {core, ""}:
        sys.exit(f"OpenBLAS took its kernels for {core} instead of {wanted}")
    chance = np.random.RandomState(1)
    a, b = chance.uniform(-0.5, 0.5, (2, ORDER, ORDER))
    check(np, a, b)
    half, right = float(seconds) / 2, np.ones(ORDER)
    found = {
        "dgemm": rate(lambda: a @ b, 2 * ORDER**3, half),
        "solve": rate(lambda: np.linalg.solve(a, right), 2 / 3 * ORDER**3 + 2 * ORDER**2, half),
        "core": core,
        "threads": library.openblas_get_num_threads(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
