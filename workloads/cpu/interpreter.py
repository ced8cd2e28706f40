"""Small kernels of pure Python, each timed for its share of the seconds, as pyperf times its loops.

Run as `interpreter.py SECONDS [WORKERS]`. Prints each kernel's loops per second, added up over the workers, which are
processes of their own, and their geometric mean as `rate`.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from math import prod


def calls() -> int:
    """Call a function recursively: frames, integers, comparisons."""

    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)  # noqa: PLR2004 - as it is defined

    return fibonacci(15)


def floats() -> float:
    """Iterate the logistic map: floating-point numbers made and dropped."""
    x = 0.5
    for _ in range(8000):
        x = 3.9 * x * (1.0 - x)
    return x


def tables() -> int:
    """Count the words of a text in a dictionary and sort what came of it."""
    counts: dict[str, int] = {}
    for i in range(3000):
        word = f"w{i * 7919 % 997}"
        counts[word] = counts.get(word, 0) + 1
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return sum(count for _, count in most)


def texts() -> int:
    """Split, replace, match and encode strings."""
    text = "; ".join(f"key{i}={i * i}" for i in range(400))
    pairs = re.findall(r"key(\d+)=(\d+)", text)
    return len(json.dumps(dict(pairs))) + text.replace("key", "k").count("=")


class Counter:
    """Something with an attribute and a method."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> None:
        """Add to the attribute."""
        self.total += number


def objects() -> int:
    """Make objects, call their methods, read and write their attributes."""
    counters = [Counter() for _ in range(100)]
    for i in range(4000):
        counters[i % 100].add(i)
    return sum(counter.total for counter in counters)


# What each must return, whatever the machine; the logistic map by IEEE 754.
KERNELS: dict[Callable[[], float], float] = {
    calls: 610,
    tables: 12,
    texts: 6627,
    objects: 7998000,
    floats: 0.9316369092789707,
}


def rate(kernel: Callable[[], float], seconds: float) -> float:
    """Return the kernel's loops per second over at least one loop, after one that warms up the interpreter."""
    if kernel() != KERNELS[kernel]:
        sys.exit(f"{kernel.__name__} returned {kernel()!r} and not {KERNELS[kernel]!r}")
    loops = 0
    start = now = time.perf_counter()
    while loops == 0 or now < start + seconds:
        kernel()
        loops += 1
        now = time.perf_counter()
    return loops / (now - start)


def alone(seconds: float) -> dict[str, float]:
    """Return the rate of each kernel in this process."""
    return {kernel.__name__: rate(kernel, seconds / len(KERNELS)) for kernel in KERNELS}


def together(seconds: str, workers: int) -> dict[str, float]:
    """Return the rate of each kernel, added up over so many processes at once."""
    argv = [sys.executable, __file__, seconds]
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE) for _ in range(workers)]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit("a worker failed")
    rates = [json.loads(output) for output in outputs]
    return {kernel.__name__: sum(each[kernel.__name__] for each in rates) for kernel in KERNELS}


def main(seconds: str, workers: str | None = None) -> None:
    """Print the rates and their geometric mean."""
    rates = alone(float(seconds)) if workers is None else together(seconds, int(workers))
    mean = prod(rates.values()) ** (1 / len(rates))
    sys.stdout.write(json.dumps({"rate": mean, **rates}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
